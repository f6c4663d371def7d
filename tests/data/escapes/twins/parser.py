# family: parser
# value: [-1, "x: y", "line\n  import os\n"]
# returns: as it is
def job(plugin):
  for i in [1]: a = '''x: y'''
  b = '''line
  import os
'''
  return [- - -i, a, b]
