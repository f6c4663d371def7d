# family: files
# kind: dos
# seconds: 30
# limit: open_files
# tries: descriptors until there are no more, 5,000 at most
def job(plugin):
  @LIBC@
  opened = 0
  for i in range(5000):
    os.dup(3)
    opened = opened + 1
  return opened
