"""pye2 distributed job: a main node that hands pieces to workers and collects.

PyE2 wire protocol, section 13, signature PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST.

::

    client                       the client's side: presets to source, everything checked
    runner                       the node's side: from settings to a job that runs
      running                    carries out what the job decides
        listening    outbox      what other nodes say; what waits to be sent
        worker_pipeline          the pipeline that a worker runs
      callbacks    in_sandbox    the job's functions, in one sandbox that holds the collected data
      job                        decides; sans-I/O: events in, actions out
        workers                  who works on what: attempts, deadlines, errors
          piece    placement     one part of the job; which node gets it
          streams  closings      payloads in order and none missing; workers that must end
        collecting               what workers sent: one call of the job's functions at a time
        reports                  what the client is told, and when
      journal                    what survives a restart of the node
    settings  stages             what an instance can be told; its functions and presets
    events    actions            the words between runner and job

Nothing below ``job`` reads a clock, draws a random number of its own or waits for anything.
"""
