# family: output
# value: 3
# returns: as it is
def job(plugin):
  for i in range(3):
    plugin.P('line %d' % i)
    print('line', i)
  return 3
