# family: files
# kind: file
# tries: to write the node's own files: who is allowed, its state
# success looks like: the node's home is changed
def job(plugin):
  @LIBC@
  answers = []
  for name in ('allow.toml', 'node.pem', 'planted'):
    try:
      fd = os.open('@HOME@/' + name, 0o2101, 0o644)
      answers.append(os.write(fd, b'\n# PWNED\n'))
    except OSError as error:
      answers.append(str(error))
  return answers
