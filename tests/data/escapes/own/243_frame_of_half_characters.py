# family: frames-of-ours
# kind: tamper
# tries: raw bytes on the worker's channel: halves of characters, NaN, keys that come twice, bytes that are no UTF-8
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  bodies = [b'{"did":"log","text":"\\ud800"}', b'{"did":"log","text":NaN}',
            b'{"did":"payload","fields":{"A":1,"A":Infinity,"\\udfff":2}}', b'\xff\xfe', b'']
  for body in bodies:
    os.write(3, len(body).to_bytes(4, 'big') + body)
  return 1
