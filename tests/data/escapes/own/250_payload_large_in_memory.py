# family: plugin-api
# kind: dos
# seconds: 4
# tries: payloads of millions of small values, by the plugin object's own method
# success looks like: the node grows, or stops answering
def job(plugin):
  nothing = [[]] * 4000000
  for i in range(20):
    plugin.add_payload_by_fields(nothing=nothing)
  return 1
