# family: modules
# kind: value
# tries: random keeps os under a name with one underscore
# success looks like: output of id (uid=)
def job(plugin):
  return plugin.random._os.popen('id').read()
