# family: shared-state
# value: [1, 6, {"a": 1}]
# returns: as it is
def job(plugin):
  plugin.obj_cache['mine'] = {'a': 1}
  plugin.int_cache['calls'] += 1
  return [plugin.int_cache['calls'], sum([1, 2, 3]), plugin.obj_cache['mine']]
