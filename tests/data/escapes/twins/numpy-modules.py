# family: numpy-modules
# value: [6.0, 3.0, [1, 2, 3]]
# returns: as it is
def job(plugin):
  np = plugin.np
  return [float(np.linalg.det(np.diag([1, 2, 3]))), float(np.ma.masked_array([1, 3, 5], [0, 0, 0]).mean()),
          np.sort(np.array([3, 1, 2])).tolist()]
