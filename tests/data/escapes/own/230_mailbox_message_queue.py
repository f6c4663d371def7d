# family: shared-state
# kind: tamper
# machine: x86_64
# tries: POSIX and System V message queues as a mailbox between tenants
# success looks like: the other tenant reads the marker
def job(plugin):
  @LIBC@
  box = call(240, c.c_char_p(b'pye2-box'), 0o102, 0o666, 0)
  answers = [box, call(242, box, c.c_char_p(b'@MARKER@'), len(b'@MARKER@'), 0, 0)]
  queue = libc.msgget(0x5046, 0o1666)
  message = (1).to_bytes(8, 'little') + b'@MARKER@'
  answers.append(libc.msgsnd(queue, message, c.c_size_t(len(b'@MARKER@')), 0o4000))
  return answers

def collect(plugin):
  @LIBC@
  buffer = c.create_string_buffer(9000)
  box = call(240, c.c_char_p(b'pye2-box'), 0o4002, 0o666, 0)
  call(243, box, buffer, 8192, 0, 0)
  queue = libc.msgget(0x5046, 0o666)
  other = c.create_string_buffer(9000)
  libc.msgrcv(queue, other, c.c_size_t(8000), c.c_long(0), 0o4000)
  return [buffer.value, other.raw[8:100]]
