# family: frames
# value: [[0, 1, 4, 9], "division by zero", "ValueError: x"]
# returns: as it is
def job(plugin):
  def squares(n):
    for i in range(n):
      yield i * i
  try:
    1 / 0
  except ZeroDivisionError as error:
    told = str(error)
  try:
    raise ValueError('x')
  except ValueError as error:
    other = '%s: %s' % (type(error).__name__, error)
  return [list(squares(4)), told, other]
