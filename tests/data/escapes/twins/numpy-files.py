# family: numpy-files
# value: [[1.0, 2.0], [3, 4], "3 4\n"]
# returns: as it is
def job(plugin):
  np = plugin.np
  text = plugin.BytesIO(b'1 2\n')
  loaded = np.loadtxt(text)
  saved = plugin.BytesIO()
  np.savetxt(saved, np.array([[3, 4]]), fmt='%d')
  again = plugin.BytesIO()
  np.save(again, np.array([3, 4]))
  again.seek(0)
  return [loaded.tolist(), np.load(again).tolist(), saved.getvalue().decode()]
