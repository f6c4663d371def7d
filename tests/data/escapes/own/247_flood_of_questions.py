# family: frames-of-ours
# kind: dos
# tries: raw bytes on the worker's channel: questions whose answers are never read
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  body = b'{"did":"load","name":"cache.json"}'
  data = (len(body).to_bytes(4, 'big') + body) * 1000
  for i in range(1000):
    rest = data
    while rest:
      rest = rest[os.write(3, rest):]
  return 1
