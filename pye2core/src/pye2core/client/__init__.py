"""The client: sessions, pipelines and instances, as programs use them.

From the door inwards: ``session`` (with ``session_nodes``, ``session_pipelines``,
``session_waiting``), ``pipeline`` and ``deployment``, ``instance``; ``ears`` listens, ``reception``
takes in what arrives, ``commands`` sends, ``callbacks`` runs user code on threads of its own,
``closing`` ends it all. What decides without sending or waiting is in ``transactions``, ``staging``
and ``network``.

A name is imported when it is first used: who needs one of them does not pay for the others.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pye2core.client.aio import AsyncSession
    from pye2core.client.instance import Instance
    from pye2core.client.marks import remote
    from pye2core.client.pairing import Pairing, pair
    from pye2core.client.payload import Payload
    from pye2core.client.pipeline import Pipeline
    from pye2core.client.presets import DistributedCustomCodePresets
    from pye2core.client.session import Session
    from pye2core.client.session_calls import CallingInstance, Calls
    from pye2core.client.single_runs import SingleRunInstance
    from pye2core.client.template import CustomPluginTemplate

__all__ = [
    "AsyncSession",
    "CallingInstance",
    "Calls",
    "CustomPluginTemplate",
    "DistributedCustomCodePresets",
    "Instance",
    "Pairing",
    "Payload",
    "Pipeline",
    "Session",
    "SingleRunInstance",
    "pair",
    "remote",
]

_HOME = {
    "AsyncSession": "aio",
    "CallingInstance": "session_calls",
    "Calls": "session_calls",
    "CustomPluginTemplate": "template",
    "DistributedCustomCodePresets": "presets",
    "Instance": "instance",
    "Pairing": "pairing",
    "Payload": "payload",
    "Pipeline": "pipeline",
    "Session": "session",
    "SingleRunInstance": "single_runs",
    "pair": "pairing",
    "remote": "marks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
