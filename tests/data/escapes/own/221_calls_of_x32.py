# family: system-calls
# kind: value
# machine: x86_64
# tries: the x32 numbers of open and read
# success looks like: contents of /etc/passwd
def job(plugin):
  @LIBC@
  x32 = 0x40000000
  buffer = c.create_string_buffer(500)
  answers = []
  for number in (2, 257):
    arguments = ([b'/etc/passwd', 0, 0] if number == 2 else [-100, b'/etc/passwd', 0, 0])
    fd = call(x32 + number, *[c.c_char_p(a) if type(a) is bytes else a for a in arguments])
    answers.append(fd)
    if fd >= 0:
      answers.append([os.read(fd, 400), buffer.value])
  return answers
