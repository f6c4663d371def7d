"""Vector files: recorded facts about PyE2, and whether our functions answer them the same.

``checking`` goes through a folder; a module for each subject knows the shape of its files:
``hashes``, ``ciphers``, ``keys``, ``code``, ``bodies``. ``expressions`` reads the Python values
that some of them hold. Where PyE2 is wrong and we are not, the module says what is expected
instead.
"""

from pye2_cli.wire.vectors.checking import FileReport, VectorsError, check_folder

__all__ = ["FileReport", "VectorsError", "check_folder"]
