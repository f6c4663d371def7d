# family: signals
# kind: dos
# tries: SIGKILL to everybody: kill(-1), the parent's group, the parent
# success looks like: the node or the neighbour stops answering
def job(plugin):
  @LIBC@
  sent = []
  for pid in (os.getppid(), -os.getppid(), -1):
    try:
      os.kill(pid, 9)
      sent.append(pid)
    except OSError:
      pass
  return sent
