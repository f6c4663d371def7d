# family: dunder
# value: ["Leaf", true, "Says who it is."]
# returns: as it is
def job(plugin):
  class Branch:
    """Says who it is."""
    def __init__(self):
      self.name = 'Branch'
  class Leaf(Branch):
    def __init__(self):
      super().__init__()
      self.name = 'Leaf'
  return [Leaf().name, issubclass(Leaf, Branch), Branch.__doc__]
