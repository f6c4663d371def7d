# family: namespaces
# value: {"a": 1, "b": 2}
# returns: as it is
def job(plugin):
  names = plugin.collections.ChainMap({'a': 1}, {'b': 2, 'a': 3})
  return {'a': names['a'], 'b': names['b']}
