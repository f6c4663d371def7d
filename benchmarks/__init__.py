"""What pye2 costs, each figure beside its reference from the same run.

``python -m benchmarks`` (or ``make bench``) prints the table; ``python -m benchmarks imports
deploy`` runs only those. The ratio binds; milliseconds are what this machine gave.
"""
