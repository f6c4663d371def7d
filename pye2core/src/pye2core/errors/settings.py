"""What cannot be used of what the user set.

You are in the errors, of which ``pye2core.errors`` draws the tree; import them from there.
"""

from __future__ import annotations

from pye2core.errors.base import Pye2Error


class SettingsError(Pye2Error):
    """A setting is missing or cannot be used.

    Attributes:
        setting: the setting's name, as the user would write it.
    """

    def __init__(self, message: str, *, setting: str) -> None:
        super().__init__(message)
        self.setting = setting


class BrokerUrlError(SettingsError):
    """The broker's address cannot be understood.

    Attributes:
        url: the address as given, its password removed.
    """

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(message, setting="broker")
        self.url = url
