# family: network
# kind: net
# tries: TCP over IPv6, and over IPv4 by fast open: no connect
# success looks like: listener hit
def job(plugin):
  @LIBC@
  port = (45991).to_bytes(2, 'big')
  four = b'\2\0' + port + b'\x7f\0\0\1' + b'\0' * 8
  six = b'\x0a\0' + port + b'\0' * 4 + b'\0' * 15 + b'\1' + b'\0' * 4
  answers = []
  for family, address in ((10, six), (2, four)):
    fd = libc.socket(family, 1, 0)
    answers.append(libc.sendto(fd, b'PWNED', 5, 0x20000000, address, len(address)))
    answers.append(libc.connect(fd, address, len(address)))
  mptcp = libc.socket(2, 1, 262)
  answers.append(libc.connect(mptcp, four, len(four)))
  return answers
