# family: processes
# kind: dos
# seconds: 30
# limit: processes
# tries: processes that start processes, 300 at most
def job(plugin):
  @LIBC@
  started = 0
  for i in range(300):
    if os.fork() == 0:
      plugin.sleep(60)
      os._exit(0)
    started = started + 1
  return started
