"""Vector files: recorded facts about PyE2, and whether this package answers them the same.

:func:`check_folder` is the door. ``checking`` goes through a folder; a module for each subject
knows the shape of its files: ``hashes``, ``ciphers``, ``keys``, ``code``, ``bodies``. Where PyE2
is wrong and we are not, ``pye2_json`` and ``pye2_code`` do as PyE2 does, so that what is recorded
of it can be told from a mistake in the record. ``expressions`` reads the Python values that some
files hold. Nothing that a file holds is run.

Nothing of this is imported by what speaks on the wire.
"""

from pye2_wire.vectors.checking import FileReport, VectorsError, check_folder

__all__ = ["FileReport", "VectorsError", "check_folder"]
