"""The node's side of FUNCTION_CALLS, below the runner.

You are on a node's loop, in the process that holds its keys: nothing here compiles or runs what
was sent. Each question has a module: ``jobs`` (what is known of one call), ``turns`` (which one is
next), ``codes`` (the functions that clients sent), ``children`` (the processes that run them),
``answers`` (what these answer), ``outgoing`` (how records become payloads).
"""
