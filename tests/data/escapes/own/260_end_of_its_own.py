# family: processes
# kind: dos
# tries: to end in every way that leaves no word: exit, abort, a fault, all at once
# success looks like: the node or the neighbour stops answering
def job(plugin):
  @LIBC@
  libc.close(3)
  libc.munmap(c.c_void_p(id(plugin) & ~4095), c.c_size_t(4096))
  c.string_at(0)
  libc.abort()
  os._exit(72)
