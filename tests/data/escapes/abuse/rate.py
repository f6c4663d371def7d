# family: plugin-api
# kind: dos
# seconds: 4
# delay: 0
# limit: payloads rate payload_rate
# tries: results of a megabyte, one after the other without a pause
def job(plugin):
  return 'x' * 1000000
