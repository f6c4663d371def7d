# family: plugin-api
# kind: dos
# tries: a pipe in the instance's folder, which blocks the node's thread that opens it
# success looks like: the node stops answering
def job(plugin):
  @LIBC@
  os.makedirs('@WORK@/cache', exist_ok=True)
  for name in ('.cache.json.new', 'cache.json', '.data.x.new', 'data.x'):
    os.mkfifo('@WORK@/cache/' + name)
  plugin.cacheapi_save_json('PWNED')
  return 1
