"""The root of the tree that ``pye2core.errors`` draws; import it from there."""

from __future__ import annotations


class Pye2Error(Exception):
    """Base of all errors of pye2."""
