# family: processes
# kind: file
# tries: a process of a session of its own, without a death signal, with its parent gone
# success looks like: it outlives its worker, and writes a file in OUTSIDE
def job(plugin):
  @LIBC@
  pid = os.fork()
  if pid == 0:
    os.setsid()
    if os.fork() != 0:
      os._exit(0)
    libc.prctl(1, 0, 0, 0, 0)
    libc.prctl(36, 1, 0, 0, 0)
    os.closerange(0, 100)
    fd = libc.open(b'@OUTSIDE@/daemon', 0o101, 0o644)
    plugin.sleep(30)
    os._exit(0)
  os.waitpid(pid, 0)
  plugin.sleep(0.2)
  return 1
