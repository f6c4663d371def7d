# family: network
# value: ["127.0.0.1", 8080, "http"]
# returns: as it is
def job(plugin):
  found = plugin.re.match('([a-z]+)://([^:]+):([0-9]+)', 'http://127.0.0.1:8080/')
  return [found.group(2), int(found.group(3)), found.group(1)]
