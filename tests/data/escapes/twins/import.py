# family: import
# value: [5.0, "2020-02-29"]
# returns: as it is
def job(plugin):
  math = plugin.math
  day = plugin.datetime(2020, 2, 28) + plugin.timedelta(days=1)
  return [math.sqrt(25), day.strftime('%Y-%m-%d')]
