"""pye2 plugin signature CUSTOM_EXEC_01: run a function that was sent, again and again.

::

    plugin     what the package offers, for the loader; imports nothing heavy
    settings   what an instance can be told, checked
    failures   an exception of custom code as fields of messages, and told in the user's own lines
    runner     the node's side of CUSTOM_EXEC_01
    client     the client's side of CUSTOM_EXEC_01
    origins    from which file the code came that this process has sent

REST_CUSTOM_EXEC_01 (PyE2 wire protocol, section 13) belongs here too, with a runner and a client
of its own; it is not there yet.
"""
