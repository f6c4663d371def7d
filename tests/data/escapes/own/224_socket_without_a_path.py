# family: network
# kind: net
# tries: abstract unix sockets: neither a port nor a file
# success looks like: listener hit
def job(plugin):
  @LIBC@
  fd = libc.socket(1, 1, 0)
  if fd < 0:
    return 'no socket'
  name = b'\1\0\0@ABSTRACT@'
  answers = [libc.connect(fd, name, len(name))]
  answers.append(libc.send(fd, b'PWNED', 5, 0x4000))
  path = b'\1\0@GROUND@/witness.sock\0'
  fd = libc.socket(1, 1, 0)
  answers.append(libc.connect(fd, path, len(path)))
  return answers
