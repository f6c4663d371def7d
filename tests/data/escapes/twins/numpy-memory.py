# family: numpy-memory
# value: [[[0, 1, 2], [1, 2, 3]], [0, 2, 4]]
# returns: as it is
def job(plugin):
  np = plugin.np
  windows = np.lib.stride_tricks.sliding_window_view(np.arange(4), 3)
  return [windows.tolist(), np.arange(6)[::2].tolist()]
