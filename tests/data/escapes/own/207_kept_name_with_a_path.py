# family: plugin-api
# kind: file
# tries: the node as a deputy: a cache's file name that leads elsewhere
# success looks like: a file in OUTSIDE
def job(plugin):
  kept = 0
  names = ['@OUTSIDE@/kept', '../../../../../../../..@OUTSIDE@/kept', 'x/../../../../..@OUTSIDE@/kept',
           '..\\kept', '.', '..', '', 'a' * 5000, 'x\0@OUTSIDE@/kept', '/@OUTSIDE@/kept']
  for name in names:
    for save in (plugin.diskapi_save_json_to_data, plugin.diskapi_save_json_to_models):
      try:
        save('PWNED', name)
        kept = kept + 1
      except ValueError:
        pass
  return kept
