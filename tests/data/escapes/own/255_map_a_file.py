# family: numpy-files
# kind: file
# tries: numpy.memmap makes and maps a file
# success looks like: a file in OUTSIDE
def job(plugin):
  mapped = plugin.np.memmap('@OUTSIDE@/mapped', dtype='u1', mode='w+', shape=5)
  mapped[:] = plugin.np.frombuffer(b'PWNED', dtype='u1')
  plugin.np.lib.format.open_memmap('@OUTSIDE@/mapped.npy', mode='w+', shape=(2,))
  return 1
