"""``pye2 plugins new``: writes a distribution whose tests pass, for an author to go on from.

You are at the entrance. ``command`` is what is typed, ``kinds`` what can be written, ``naming``
what follows from a plugin's name and which names are taken, ``writing`` makes files of templates.
The templates are files of the distribution to be, with ``$words`` where its names go; a folder
for each kind, and ``common`` for what they share.
"""
