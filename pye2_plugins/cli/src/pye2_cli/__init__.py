"""The ``pye2`` command.

``main`` is the entry; every other module is one subcommand, or what two of them share: ``fleet``
(a broker and nodes as processes) and ``jobs`` (a whole job with its progress bar). ``wire`` is a
room of its own: what passes on a network. Plugins add subcommands by the hook
``pye2_register_commands``.
"""
