# family: modules
# kind: value
# tries: random keeps os under a name with one underscore
# success looks like: contents of /etc/passwd (root:x:0)
def job(plugin):
  os = plugin.random._os
  return os.read(os.open('/etc/passwd', 0), 200)
