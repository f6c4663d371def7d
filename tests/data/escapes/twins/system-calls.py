# family: system-calls
# value: [true, true, 16]
# returns: as it is
def job(plugin):
  started = plugin.time()
  plugin.sleep(0.01)
  return [plugin.time() > started, plugin.np.random.rand() < 1, len(plugin.np.random.bytes(16))]
