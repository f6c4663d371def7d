# family: processes
# kind: file
# tries: finalizers and exit handlers, which run when the process is being ended
# success looks like: a file in OUTSIDE
def job(plugin):
  @LIBC@
  class Last:
    def __del__(self):
      libc.open(b'@OUTSIDE@/finalizer', 0o101, 0o644)
  plugin.obj_cache['last'] = Last()
  at_exit = sys.modules.get('atexit')
  if at_exit is not None:
    at_exit.register(lambda: libc.open(b'@OUTSIDE@/atexit', 0o101, 0o644))
  os.register_at_fork(after_in_child=lambda: libc.open(b'@OUTSIDE@/atfork', 0o101, 0o644))
  sys.excepthook = lambda *_: libc.open(b'@OUTSIDE@/hook', 0o101, 0o644)
  return 1
