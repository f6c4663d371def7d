# family: cpu
# kind: dos
# seconds: 2
# limit: exec_timeout
# tries: both processors, for ever
def job(plugin):
  def spin(_):
    while True:
      pass
  plugin.threadapi_map(spin, [1, 2, 3, 4], n_threads=4)
