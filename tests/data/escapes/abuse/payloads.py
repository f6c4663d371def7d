# family: plugin-api
# kind: dos
# seconds: 30
# limit: payloads
# tries: payloads without an end
def job(plugin):
  for i in range(1000000):
    plugin.add_payload_by_fields(NUMBER=i)
