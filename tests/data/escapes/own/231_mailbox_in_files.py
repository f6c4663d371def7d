# family: shared-state
# kind: tamper
# tries: folders that everybody may write as a mailbox between tenants
# success looks like: the other tenant reads the marker
def job(plugin):
  @LIBC@
  written = 0
  for folder in ('/dev/shm', '/tmp', '/var/tmp', '/run', '/dev/mqueue', '.', '@WORK@/..'):
    try:
      fd = os.open(folder + '/pye2-box', 0o102, 0o666)
      os.write(fd, b'@MARKER@')
      written = written + 1
    except OSError:
      pass
  return written

def collect(plugin):
  @LIBC@
  found = []
  for folder in ('/dev/shm', '/tmp', '/var/tmp', '/run', '/dev/mqueue', '.', '@WORK@/..'):
    try:
      found.append(os.read(os.open(folder + '/pye2-box', 0), 100))
    except OSError:
      pass
  return found
