# family: processes
# kind: file
# machine: x86_64
# tries: CLONE_PARENT: a process that is no child of the worker, and no child of its child
# success looks like: it outlives its worker
def job(plugin):
  @LIBC@
  pid = call(56, 0x8000 | 17, 0, 0, 0, 0)
  if pid == 0:
    os.setsid()
    libc.prctl(1, 0, 0, 0, 0)
    os.closerange(0, 100)
    libc.open(b'@OUTSIDE@/sibling', 0o101, 0o644)
    plugin.sleep(30)
    os._exit(0)
  plugin.sleep(0.2)
  return pid
