# family: frames-of-ours
# kind: dos
# tries: an answer whose failure has megabytes in every text: they go to notifications and the log
# success looks like: the node grows, or says megabytes
def job(plugin):
  @LIBC@
  long = b'x' * 1500000
  body = (b'{"did":"call","id":3,"seconds":1.0,"failure":{"type":"' + long + b'","message":"' + long
          + b'","line":1,"source_line":"' + long + b'","traceback":"' + long + b'","function":"code"}}')
  for number in (b'"id":1', b'"id":2', b'"id":3', b'"id":4'):
    data = body.replace(b'"id":3', number, 1)
    data = len(data).to_bytes(4, 'big') + data
    while data:
      data = data[os.write(3, data):]
  plugin.sleep(1000)
