"""Where settings come from: arguments, environment, ``.env`` files, and plugins' own classes.

``broker`` knows broker URLs, ``tls`` how encrypted connections are checked, ``environment`` the
variables and files, ``plugin`` the attrs classes by which plugins declare settings of their own,
``unknown`` what is none of these. The names of the latter three are imported when they are first
used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from pye2core.settings.broker import BrokerAddress, parse_broker_url
from pye2core.settings.tls import TlsSettings

if TYPE_CHECKING:
    from pye2core.settings.dotenv_files import read_environment
    from pye2core.settings.environment import (
        DEFAULT_ROOT,
        ClientSettings,
        client_key_path,
        client_settings,
    )
    from pye2core.settings.plugin import load_plugin_settings, plugin_settings
    from pye2core.settings.unknown import refuse_unknown_variables

_HOME = {
    "DEFAULT_ROOT": "environment",
    "ClientSettings": "environment",
    "client_key_path": "environment",
    "client_settings": "environment",
    "load_plugin_settings": "plugin",
    "plugin_settings": "plugin",
    "read_environment": "dotenv_files",
    "refuse_unknown_variables": "unknown",
}

__all__ = [
    "DEFAULT_ROOT",
    "BrokerAddress",
    "ClientSettings",
    "TlsSettings",
    "client_key_path",
    "client_settings",
    "load_plugin_settings",
    "parse_broker_url",
    "plugin_settings",
    "read_environment",
    "refuse_unknown_variables",
]

if not TYPE_CHECKING:  # or a misspelt name would pass the type checker

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
