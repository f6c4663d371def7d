# family: frames-of-ours
# kind: tamper
# tries: threads that take from the channel what others asked for, and threads that write between a frame's bytes
# success looks like: the neighbour is told what was not meant for it, or the node stops answering
def job(plugin):
  @LIBC@
  select = sys.modules['select']
  taken = []
  def take():
    while True:
      watch = select.poll()
      watch.register(4, 1)
      if watch.poll(1):
        taken.append(os.read(4, 7))
  def write():
    while True:
      os.write(3, b'\0\0\0\x1a{"did":"log","text":"mix"}')
  for each in (take, take, write):
    sys.modules['threading'].Thread(target=each).start()
  for i in range(200):
    plugin.cacheapi_save_json({'mine': i})
    plugin.cacheapi_load_json()
  return taken
