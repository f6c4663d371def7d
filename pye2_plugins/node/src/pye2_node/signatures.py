"""What the installed signatures say of themselves that a node goes by when it takes commands.

Values only; signatures are looked up in whichever case they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2core.plugins import PluginRegistry


class Signatures:
    """The signatures of one node.

    Args:
        registry: the installed plugins.
        shows_code: whether heartbeats show code, and not only its digest.
    """

    def __init__(self, registry: PluginRegistry, *, shows_code: bool) -> None:
        self._registry = registry
        self._shows_code = shows_code

    def is_confidential(self, signature: str, key: str) -> bool:
        """Whether a setting is code or requests.

        What belongs to a signature that nobody here knows may be anything.
        """
        descriptor = self._registry.signatures().get(signature.upper())
        return descriptor is None or key in descriptor.confidential

    def is_shown_as_digest(self, signature: str, key: str) -> bool:
        """Whether heartbeats show no more of a setting."""
        return not self._shows_code and self.is_confidential(signature, key)

    def is_private(self, signature: str) -> bool:
        """Whether nobody but its client may tell an instance anything, or change it."""
        descriptor = self._registry.signatures().get(signature.upper())
        return descriptor is not None and descriptor.private
