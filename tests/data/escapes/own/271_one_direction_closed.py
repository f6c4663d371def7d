# family: frames-of-ours
# kind: dos
# tries: to hear the node no more, but speak on and compute; the other way round in another process
# success looks like: an instance that cannot be ended, descriptors or a process left over
def job(plugin):
  @LIBC@
  try:
    child = os.fork()
  except OSError:
    child = 1
  if child == 0:
    os.setsid()
    os.close(3)
  else:
    os.close(4)
    body = b'{"did":"load","name":"cache.json"}'
    os.write(3, (len(body).to_bytes(4, 'big') + body) * 100)
  while True:
    pass
