# family: system-calls
# kind: value
# machine: x86_64
# tries: io_uring opens and reads a file without the calls that a filter watches
# success looks like: contents of /etc/passwd
def job(plugin):
  @LIBC@
  parameters = c.create_string_buffer(120)
  ring = call(425, 8, parameters)
  if ring < 0:
    return 'no ring %d' % c.get_errno()
  at = lambda offset: int.from_bytes(parameters.raw[offset:offset + 4], 'little')
  queue = libc.mmap(None, c.c_size_t(65536), 3, 0x8001, ring, c.c_long(0))
  entries = libc.mmap(None, c.c_size_t(8 * 64), 3, 0x8001, ring, c.c_long(0x10000000))
  path = c.create_string_buffer(b'/etc/passwd')
  buffer = c.create_string_buffer(600)
  sq_tail, sq_mask, sq_array = at(44), at(48), at(64)
  cq_head, cq_tail, cq_mask, cq_cqes = at(80), at(84), at(88), at(100)
  results = []
  def submit(code, fd, offset, address, length):
    entry = bytearray(64)
    entry[0] = code
    entry[4:8] = (fd & 0xffffffff).to_bytes(4, 'little')
    entry[8:16] = offset.to_bytes(8, 'little')
    entry[16:24] = address.to_bytes(8, 'little')
    entry[24:28] = length.to_bytes(4, 'little')
    tail = c.c_uint.from_address(queue + sq_tail)
    slot = tail.value & c.c_uint.from_address(queue + sq_mask).value
    c.memmove(entries + slot * 64, bytes(entry), 64)
    c.c_uint.from_address(queue + sq_array + slot * 4).value = slot
    tail.value = tail.value + 1
    call(426, ring, 1, 1, 1, 0, 0)
    head = c.c_uint.from_address(queue + cq_head)
    done = queue + cq_cqes + (head.value & c.c_uint.from_address(queue + cq_mask).value) * 16
    answer = c.c_int.from_address(done + 8).value
    head.value = head.value + 1
    results.append(answer)
    return answer
  opened = submit(18, -100, 0, c.addressof(path), 0)
  if opened >= 0:
    submit(22, opened, 0, c.addressof(buffer), 500)
  return [results, buffer.value]
