"""pye2 plugin signatures CUSTOM_EXEC_01 and REST_CUSTOM_EXEC_01: run a function that was sent.

The first runs it again and again, the second once for each request (PyE2 wire protocol, section
13); ``pipeline.wait_exec`` uses the second.

::

    plugin       what the package offers, for the loader; imports nothing heavy
    settings     what an instance can be told, checked
    failures     an exception of custom code as fields of messages, told in the user's own lines
    process      what both runners do with a process and with failures
    runner       the node's side of CUSTOM_EXEC_01
    rest_runner  the node's side of REST_CUSTOM_EXEC_01
    packing      code as a user gives it, checked and packed
    origins      from which file the code came that this process has sent
    client       the client's side of CUSTOM_EXEC_01
    rest_client  the client's side of REST_CUSTOM_EXEC_01
"""
