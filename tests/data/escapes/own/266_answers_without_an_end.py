# family: frames-of-ours
# kind: dos
# tries: to answer what was answered already, over and over, from a thread that goes on after the call
# success looks like: the node stops answering, or never has enough of it
def job(plugin):
  @LIBC@
  body = b'{"did":"call","id":1,"seconds":1.0,"value":1}'
  data = (len(body).to_bytes(4, 'big') + body) * 5000
  def flood():
    while True:
      rest = data
      while rest:
        rest = rest[os.write(3, rest):]
  sys.modules['threading'].Thread(target=flood).start()
  plugin.sleep(1000)
