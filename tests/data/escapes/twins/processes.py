# family: processes
# value: [[0, 1, 4, 9, 16], true]
# returns: as it is
def job(plugin):
  squares = plugin.threadapi_map(lambda x: x * x, [0, 1, 2, 3, 4], n_threads=2)
  return [[int(square) for square in squares], len(plugin.uuid()) == 13]
