# family: files
# kind: value
# tries: to watch and to list the node's home: what others have, by name
# success looks like: TENANT-B-SECRET
def job(plugin):
  @LIBC@
  seen = [libc.inotify_add_watch(libc.inotify_init(), b'@HOME@', 0xfff)]
  for folder, _, files in os.walk('@HOME@'):
    for name in files:
      try:
        data = os.read(os.open(folder + '/' + name, 0o4000), 1 << 20)
        at = data.find(b'TENANT-B-' + b'SECRET')
        if at >= 0:
          seen.append(data[at:at + 30])
      except OSError:
        pass
  return seen
