# family: modules
# value: [3, {"a": [1, null]}, 2.0, "2026-01-02"]
# returns: as it is
def job(plugin):
  counted = plugin.collections.Counter('abca')
  return [len(counted), plugin.json.loads('{"a": [1, null]}'), plugin.statistics.mean([1, 3]),
          plugin.datetime(2026, 1, 2).date().isoformat()]
