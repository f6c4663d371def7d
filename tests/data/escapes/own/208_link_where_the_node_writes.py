# family: plugin-api
# kind: file
# tries: symbolic links in the instance's folder, where the node itself will write
# success looks like: a file in OUTSIDE
def job(plugin):
  @LIBC@
  os.makedirs('@WORK@/cache', exist_ok=True)
  for name in ('.cache.json.new', 'cache.json', '.data.x.new'):
    try:
      os.symlink('@OUTSIDE@/deputy' + name, '@WORK@/cache/' + name)
    except FileExistsError:
      pass
  plugin.cacheapi_save_json('PWNED')
  plugin.diskapi_save_json_to_data('PWNED', 'x')
  return 1
