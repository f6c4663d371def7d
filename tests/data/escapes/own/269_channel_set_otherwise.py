# family: frames-of-ours
# kind: dos
# machine: x86_64
# tries: pipes of a page or a mebibyte, packets instead of a stream, no blocking, locks, and a frame in pieces of a byte
# success looks like: the node stops answering, waits in a call of the kernel, or grows
def job(plugin):
  @LIBC@
  done = []
  for size in (1, 4096, 1 << 20, 1 << 24, 1 << 31):
    done.append([call(72, descriptor, 1031, size) for descriptor in (3, 4)])
  for flags in (0o40000, 0o4000, 0o44000, 0o2000000):
    done.append([call(72, descriptor, 4, flags) for descriptor in (3, 4)])
  done.append([call(73, descriptor, 2) for descriptor in (3, 4)])
  done.append([call(72, descriptor, 1024, 1) for descriptor in (3, 4)])
  call(72, 3, 4, 0o40000)
  text = b'{"did":"log","text":"%s"}' % str(done).encode()
  for byte in len(text).to_bytes(4, 'big') + text:
    os.write(3, bytes([byte]))
  os.write(3, b'\0\xf0\0\0{')
  while True:
    try:
      os.write(3, b' ')
    except BlockingIOError:
      pass
