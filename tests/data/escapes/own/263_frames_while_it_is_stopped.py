# family: frames-of-ours
# kind: dos
# tries: to go on speaking without a pause while its instance is closed, deaf to all signals
# success looks like: a process that outlives its worker, a node that does not stop it
def job(plugin):
  @LIBC@
  signal = sys.modules['signal']
  for number in range(1, 32):
    try:
      signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
      pass
  body = b'{"did":"log","text":"x"}'
  data = (len(body).to_bytes(4, 'big') + body) * 10
  while True:
    os.write(3, data)
    plugin.sleep(0.01)
