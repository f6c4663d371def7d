# family: frames-of-ours
# kind: tamper
# tries: the plugin object's own way to the node: a frame that no worker sends
# success looks like: the node or the neighbour stops answering
def job(plugin):
  link = plugin._host._link
  link.tell('exited', id=1, pid=1, code=0)
  link.tell('forked', forked=1, pid=1)
  return 1
