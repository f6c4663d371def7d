"""A node as a service of systemd: ``pye2 node install-service`` prints the unit.

``command`` is what is asked on the command line, ``unit`` the text and why each line is there,
``advice`` what is said beside it, ``places`` where this installation lies.
"""
