# family: plugin-api
# value: [{"count": 1}, true]
# returns: as it is
def job(plugin):
  plugin.cacheapi_save_json({'count': 1})
  plugin.add_payload_by_fields(PROGRESS=50)
  return [plugin.cacheapi_load_json(), plugin.instance_id != '']
