# family: tenants
# value: ["CUSTOM_EXEC_01", "one", true]
# returns: as it is
def job(plugin):
  return [plugin.signature, plugin.instance_id, plugin.cfg_process_delay == 3600]
