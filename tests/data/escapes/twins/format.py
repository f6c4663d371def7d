# family: format
# value: ["1.50 of 3", "a=1", "   7", "a b"]
# returns: as it is
def job(plugin):
  x = 7
  return ['{:.2f} of {}'.format(1.5, 3), '%s=%d' % ('a', 1), f'{x:>4}', '{first} {second}'.format(first='a', second='b')]
