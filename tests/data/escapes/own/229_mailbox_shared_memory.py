# family: shared-state
# kind: tamper
# machine: x86_64
# tries: System V shared memory as a mailbox between tenants
# success looks like: the other tenant reads the marker
def job(plugin):
  @LIBC@
  box = libc.shmget(0x5045, c.c_size_t(4096), 0o1666)
  libc.shmat.restype = c.c_void_p
  at = libc.shmat(box, None, 0)
  if box >= 0:
    c.memmove(at, b'@MARKER@', len(b'@MARKER@'))
  return box

def collect(plugin):
  @LIBC@
  box = libc.shmget(0x5045, c.c_size_t(4096), 0o666)
  if box < 0:
    return 'none'
  libc.shmat.restype = c.c_void_p
  return c.string_at(libc.shmat(box, None, 0), 100)
