# family: frames-of-ours
# kind: tamper
# tries: raw bytes on the worker's channel: answers to calls that were not made yet, as if from the zygote, too
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  for number in range(1, 50):
    body = b'{"did":"call","id":%d,"seconds":1.0,"value":"PWNED"}' % number
    os.write(3, len(body).to_bytes(4, 'big') + body)
  for body in (b'{"exited":1,"code":0,"signal":null}', b'{"ready":true}', b'{"forked":1,"pid":1}'):
    os.write(3, len(body).to_bytes(4, 'big') + body)
  return 1
