# family: files
# kind: dos
# seconds: 8
# limit: kept_rate
# tries: the same four megabytes on the node's disk, again and again
def job(plugin):
  text = 'x' * 4000000
  while True:
    plugin.diskapi_save_json_to_data(text, 'file')
