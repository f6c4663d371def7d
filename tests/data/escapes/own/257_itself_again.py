# family: processes
# kind: value
# tries: exec of the same interpreter, fresh and with imports, on the same channel
# success looks like: output of id (uid=) in a payload
def job(plugin):
  @LIBC@
  program = ('import os, json; text = os.popen("id").read(); '
             'body = json.dumps({"did": "call", "id": 3, "seconds": 1.0, "value": text}).encode(); '
             'os.write(3, len(body).to_bytes(4, "big") + body); import time; time.sleep(2)')
  try:
    os.set_inheritable(3, True)
  except OSError:
    pass
  for path in ('/proc/self/exe', sys.executable, '/usr/bin/python3'):
    try:
      os.execve(path, ['python', '-c', program], {'LD_PRELOAD': '@WORK@/x.so'})
    except OSError:
      pass
  return 'no exec'
