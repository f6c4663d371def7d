# family: cpu
# value: [1, 832040, true]
# returns: as it is
def job(plugin):
  a, b = 0, 1
  for i in range(30):
    a, b = b, a + b
  plugin.sleep(0.01)
  return [(7 ** 1000) % 10, a, bool(plugin.re.match('(a+)+$', 'a' * 20))]
