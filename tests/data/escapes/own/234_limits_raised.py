# family: limits
# kind: dos
# tries: to raise its own limits, then to take 6 GiB
# success looks like: the machine runs short of memory
def job(plugin):
  @LIBC@
  endless = (c.c_ulong * 2)(2 ** 64 - 1, 2 ** 64 - 1)
  answers = [libc.setrlimit(kind, endless) for kind in range(16)]
  taken = 0
  kept = []
  try:
    while taken < 6 << 30:
      kept.append(bytearray(b'x') * (64 << 20))
      taken = taken + (64 << 20)
  except MemoryError:
    pass
  reached = taken >> 20
  if reached > 3000:
    return 'REACHED: took %d MiB' % reached
  return [answers, reached]
