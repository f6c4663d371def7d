# family: memory
# kind: dos
# seconds: 30
# limit: memory
# tries: memory until there is none
def job(plugin):
  kept = []
  while len(kept) < 8192:
    kept.append(bytearray(b'x') * 1048576)
  return len(kept)
