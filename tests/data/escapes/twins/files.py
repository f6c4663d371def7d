# family: files
# value: [{"kept": [1, 2]}, "x"]
# returns: as it is
def job(plugin):
  plugin.diskapi_save_json_to_data({'kept': [1, 2]}, 'mine.json')
  file = plugin.BytesIO(b'xyz')
  return [plugin.diskapi_load_json_from_data('mine.json'), file.read(1).decode()]
