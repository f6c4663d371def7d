# family: plugin-api
# kind: tamper
# tries: fields of a payload that name another tenant's instance, and another sender
# success looks like: a payload of the neighbour's instance that holds PWNED
def job(plugin):
  names = {'PIPELINE': 'neighbour', 'STREAM': 'neighbour', 'SIGNATURE': 'CUSTOM_EXEC_01',
           'PLUGIN': 'CUSTOM_EXEC_01', 'INSTANCE_ID': 'one', 'EE_SENDER': 'x', 'EE_ID': 'x',
           'EE_PAYLOAD_PATH': ['x', 'neighbour', 'CUSTOM_EXEC_01', 'one'],
           'EE_EVENT_TYPE': 'PAYLOAD', 'INITIATOR_ADDR': 'x', 'INITIATOR_ID': 'x',
           'SESSION_ID': 'x', 'EXEC_RESULT': 'PWNED', 'EE_SIGN': 'x', 'EE_HASH': 'x'}
  plugin.add_payload_by_fields(**names)
  lower = {}
  for name in names:
    lower[name.lower()] = names[name]
  plugin.add_payload_by_fields(**lower)
  return 1
