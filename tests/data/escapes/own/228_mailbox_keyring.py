# family: shared-state
# kind: tamper
# machine: x86_64
# tries: the kernel's keyrings as a mailbox between tenants
# success looks like: the other tenant reads the marker
def job(plugin):
  @LIBC@
  kinds = [-3, -4, -5]
  return [call(248, c.c_char_p(b'user'), c.c_char_p(b'pye2-box'), c.c_char_p(b'@MARKER@'),
               len(b'@MARKER@'), kind) for kind in kinds]

def collect(plugin):
  @LIBC@
  buffer = c.create_string_buffer(200)
  found = []
  for kind in (-3, -4, -5):
    key = call(250, 10, kind, c.c_char_p(b'user'), c.c_char_p(b'pye2-box'), 0)
    if key > 0:
      call(250, 11, key, buffer, 199, 0)
      found.append(buffer.value)
  return found
