"""The ``pye2`` command.

``main`` is the entry; every other module is one subcommand, or what two of them share: ``fleet`` (a
broker and nodes as processes), ``jobs`` (a whole job with its progress bar), ``options`` (how a
network is found). ``instance_settings`` is what ``plugins`` tells of every instance. ``wire`` is a
room of its own: what passes on a network. Plugins add subcommands by the hook
``pye2_register_commands``.
"""
