# family: frames-of-ours
# kind: dos
# tries: raw bytes on the worker's channel: the beginning of a frame, and then nothing
# success looks like: the node stops answering, or grows
def job(plugin):
  @LIBC@
  os.write(3, b'\0\xf0\0\0{"did"')
  plugin.sleep(1000)
  return 1
