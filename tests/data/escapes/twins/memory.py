# family: memory
# value: [8388608, 1000000]
# returns: as it is
def job(plugin):
  block = bytearray(8 * 1024 * 1024)
  return [len(block), int(plugin.np.ones(1000000).sum())]
