# family: guards
# value: [3, 7]
# returns: as it is
def job(plugin):
  def add(first, _second, /, *, third=0):
    return first + _second + third
  return [add(1, 2), add(1, 2, third=4)]
