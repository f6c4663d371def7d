# family: system-calls
# kind: value
# machine: x86_64
# tries: memfd_create and execveat: a program that is on no disk
# success looks like: its output (uid=)
def job(plugin):
  @LIBC@
  text = b'uid=PROGRAM-IN-MEMORY'
  code = (b'\xb8\x01\0\0\0\xbf\x01\0\0\0\xbe' + (0x400078 + 34).to_bytes(4, 'little')
          + b'\xba' + len(text).to_bytes(4, 'little') + b'\x0f\x05\xb8\x3c\0\0\0\x31\xff\x0f\x05')
  code = code + b'\x90' * (34 - len(code)) + text
  size = 0x78 + len(code)
  header = (b'\x7fELF\x02\x01\x01' + b'\0' * 9 + b'\x02\0\x3e\0\x01\0\0\0'
            + (0x400078).to_bytes(8, 'little') + (64).to_bytes(8, 'little') + b'\0' * 12
            + b'\x40\0\x38\0\x01\0\0\0\0\0\0\0')
  segment = (b'\x01\0\0\0\x05\0\0\0' + b'\0' * 8 + (0x400000).to_bytes(8, 'little') * 2
             + size.to_bytes(8, 'little') * 2 + (0x1000).to_bytes(8, 'little'))
  fd = libc.memfd_create(b'x', 0)
  if fd < 0:
    return 'no memfd'
  os.write(fd, header + segment + code)
  read, write = os.pipe()
  pid = os.fork()
  if pid == 0:
    os.dup2(write, 1)
    nothing = (c.c_char_p * 1)(None)
    call(322, fd, c.c_char_p(b''), nothing, nothing, 0x1000)
    os._exit(3)
  os.close(write)
  return os.read(read, 100)
