# family: signals
# value: "stopped by itself"
# returns: as it is
def job(plugin):
  class Stop(Exception):
    pass
  try:
    for i in range(10):
      if i == 3:
        raise Stop
  except Stop:
    return 'stopped by itself'
