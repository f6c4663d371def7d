# family: frames-of-ours
# kind: dos
# tries: heirs in sessions of their own that hold both pipes, write frames and read requests when the worker is dead
# success looks like: a process that outlives its worker, a node that goes on listening, descriptors left over
def job(plugin):
  @LIBC@
  body = b'{"did":"log","text":"heir"}'
  data = (len(body).to_bytes(4, 'big') + body) * 10
  for i in range(5):
    if os.fork() == 0:
      os.setsid()
      if os.fork() == 0:
        while True:
          os.write(3, data)
          os.read(4, 100) if i else plugin.sleep(0.01)
      os._exit(0)
  os._exit(0)
