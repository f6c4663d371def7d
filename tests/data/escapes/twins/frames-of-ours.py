# family: frames-of-ours
# value: ["ok", 1e+300, "\ud83d\ude00", {"a": {"b": [[[]]]}}]
# returns: as it is
def job(plugin):
  plugin.add_payload_by_fields(NOTE='one more')
  return ['ok', 1e300, '\U0001F600', {'a': {'b': [[[]]]}}]
