# family: signals
# kind: dos
# seconds: 2
# limit: exec_timeout
# tries: to live on under a flood of its own signals, deaf to all that can be ignored
def job(plugin):
  @LIBC@
  signal = sys.modules['signal']
  for number in range(1, 32):
    try:
      signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
      pass
  while True:
    os.kill(os.getpid(), 10)
