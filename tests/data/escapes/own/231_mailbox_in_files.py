# family: shared-state
# kind: tamper
# tries: names of files in folders that everybody may write as a mailbox between tenants
# success looks like: the other tenant reads the marker
def job(plugin):
  @LIBC@
  written = 0
  for folder in ('/dev/shm', '/tmp', '/var/tmp', '/run', '/dev/mqueue', '.', '@WORK@/..'):
    try:
      os.close(os.open(folder + '/@MARKER@', 0o102, 0o666))
      written = written + 1
    except OSError:
      pass
  return written

def collect(plugin):
  @LIBC@
  found = []
  for folder in ('/dev/shm', '/tmp', '/var/tmp', '/run', '/dev/mqueue', '.', '@WORK@/..'):
    try:
      found = found + [name for name in os.listdir(folder) if name.startswith('PLANTED')]
    except OSError:
      pass
  return found
