# family: frames-of-ours
# kind: dos
# tries: raw bytes on the worker's channel: a million of small log lines
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  body = b'{"did":"log","text":"flood"}'
  data = (len(body).to_bytes(4, 'big') + body) * 10000
  for i in range(100):
    rest = data
    while rest:
      rest = rest[os.write(3, rest):]
  return 1
