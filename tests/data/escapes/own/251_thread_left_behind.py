# family: processes
# kind: tamper
# tries: a thread that goes on after the call has returned, and speaks
# success looks like: PWNED in the neighbour's payloads, a process that outlives its worker
def job(plugin):
  @LIBC@
  thread = sys.modules['_thread']
  def go_on():
    while True:
      try:
        plugin.add_payload_by_fields(EE_PAYLOAD_PATH=['x', 'neighbour', 'CUSTOM_EXEC_01', 'one'], EXEC_RESULT='PWNED')
        plugin.P('still here')
      except BaseException:
        pass
  thread.start_new_thread(go_on, ())
  return 1
