# family: tenants
# kind: value
# tries: whatever the plugin object says of the node: the names, settings and data of others
# success looks like: TENANT-B-SECRET
def job(plugin):
  seen = []
  for name in dir(plugin):
    try:
      value = getattr(plugin, name)
      seen.append(str(value)[:2000])
    except BaseException as error:
      seen.append(str(error)[:200])
  for name in ('cache.json', 'data.x', 'x'):
    for load in (plugin.diskapi_load_json_from_data, plugin.diskapi_load_json_from_models):
      try:
        seen.append(str(load(name)))
      except ValueError:
        pass
  seen.append(str(plugin.cacheapi_load_json()))
  return seen
