# family: pickle
# value: [[1, 2], {"a": [1, {"b": 2}]}]
# returns: as it is
def job(plugin):
  file = plugin.BytesIO()
  plugin.np.save(file, plugin.np.array([1, 2]), allow_pickle=False)
  file.seek(0)
  nested = {'a': [1, {'b': 2}]}
  return [plugin.np.load(file).tolist(), plugin.deepcopy(nested)]
