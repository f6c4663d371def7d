# family: ctypes
# value: [4, 258, "0x102"]
# returns: as it is
def job(plugin):
  np = plugin.np
  four = np.dtype('int32').itemsize
  two = int(np.frombuffer(b'\x02\x01', dtype='<u2')[0])
  return [four, two, hex(two)]
