# family: processes
# kind: dos
# seconds: 30
# limit: processes threads
# tries: threads until there are no more, 5,000 at most
def job(plugin):
  @LIBC@
  thread = sys.modules['_thread']
  thread.stack_size(65536)
  started = 0
  for i in range(5000):
    thread.start_new_thread(plugin.sleep, (60,))
    started = started + 1
  return started
