# family: shared-state
# kind: tamper
# tries: modules, classes, builtins and the environment as a mailbox between tenants
# success looks like: the other tenant reads the marker
def job(plugin):
  type(plugin).box = '@MARKER@'
  plugin.np.box = '@MARKER@'
  plugin.json.box = '@MARKER@'
  plugin.random._os.environ['BOX'] = '@MARKER@'
  return 1

def collect(plugin):
  found = [plugin.random._os.environ.get('BOX')]
  for place in (plugin.np, plugin.json, type(plugin)):
    if hasattr(place, 'box'):
      found.append(place.box)
  return found
