# family: output
# kind: tamper
# tries: line ends and terminal codes in what is logged: lines that look like another's
# success looks like: a line of the neighbour's in the log that holds PWNED
def job(plugin):
  for end in ('\n', '\r\n', '\r', '\x0b', '\x0c', '\x85', '\u2028', '\x1b[1G\x1b[2K'):
    plugin.P(end + '2026-01-01 00:00:00,000 INFO pye2_node.code: neighbour:one: PWNED')
  print('\n2026-01-01 00:00:00,000 INFO pye2_node.code: neighbour:one: PWNED')
  return 1
