# family: output
# kind: dos
# seconds: 30
# limit: output
# tries: a hundred megabytes of lines
def job(plugin):
  line = 'x' * 1000000
  for i in range(50):
    plugin.P(line)
    print(line)
  return 1
