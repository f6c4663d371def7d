# family: output
# kind: value
# tries: an exception whose text, type and notes are endless, and raise again when they are asked for
# success looks like: the node stops answering, or grows
def job(plugin):
  class Endless(Exception):
    def __str__(self):
      raise self
    def __repr__(self):
      return 'x' * 10 ** 7
  Endless.__name__ = 'x' * 10 ** 7
  error = Endless()
  error.__notes__ = ['y' * 10 ** 7] * 3
  for i in range(5):
    try:
      raise error
    except Endless as again:
      error = Endless(again)
  raise error
