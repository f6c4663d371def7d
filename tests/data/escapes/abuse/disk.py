# family: files
# kind: dos
# seconds: 30
# limit: disk
# tries: as much on the node's disk as it keeps, by the plugin object's own method
def job(plugin):
  text = 'x' * 4000000
  for i in range(100):
    plugin.diskapi_save_json_to_data(text, 'file%d' % i)
  return 'REACHED: kept 400 MB'
