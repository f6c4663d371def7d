# family: parser
# kind: dos
# tries: a source as large as one may be, thousands of lines: what checking and compiling takes
# success looks like: the node stops answering
def job(plugin):
  x = []
  @MANY@
  return len(x)
