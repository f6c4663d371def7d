# family: limits
# value: [45, 30]
# returns: as it is
def job(plugin):
  limit = 10
  total = 0
  for i in range(100):
    if i >= limit:
      break
    total += i
  return [total, plugin.timedelta(seconds=30).seconds]
