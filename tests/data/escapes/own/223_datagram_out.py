# family: network
# kind: net
# tries: UDP: no connection is made
# success looks like: loopback listener hit
def job(plugin):
  @LIBC@
  fd = libc.socket(2, 2, 0)
  if fd < 0:
    return 'no socket'
  address = b'\2\0' + (45991).to_bytes(2, 'big') + b'\x7f\0\0\1' + b'\0' * 8
  return libc.sendto(fd, b'PWNED', 5, 0, address, 16)
