# family: numpy-modules
# value: [6.0, 3.0, [1, 2, 3]]
# returns: as it is
def job(plugin):
  np = plugin.np
  return [float(np.linalg.det(np.diag([1, 2, 3]))), float(np.rec.array([(3.0,)], names='x').x[0]),
          np.sort(np.array([3, 1, 2])).tolist()]
