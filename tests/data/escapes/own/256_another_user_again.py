# family: processes
# kind: value
# tries: to become root, or the node's user, again
# success looks like: the key
def job(plugin):
  @LIBC@
  answers = [libc.setresuid(0, 0, 0), libc.setresgid(0, 0, 0), libc.setgroups(0, None)]
  answers.append(libc.setfsuid(0))
  for path in ('@NODE_KEY@', '/etc/shadow', '/proc/1/environ'):
    try:
      answers.append(os.read(os.open(path, 0), 4000))
    except OSError as error:
      answers.append(str(error))
  return answers
