"""``pye2 plugins doctor``: tries everything that is installed, and says what is wrong with it.

``command`` is what people see; ``examination`` runs ``child`` as a process, in which the plugins
are loaded and all that they offer is imported, as often as it takes: a plugin that ends, kills or
stalls that process is noted and left out the next time. ``findings`` is what comes of it. Nothing
here needs any plugin.
"""
