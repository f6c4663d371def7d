"""The client: sessions, pipelines and instances, as programs use them.

From the door inwards: ``session`` (with ``session_nodes``, ``session_pipelines``,
``session_waiting``), ``pipeline`` and ``deployment``, ``instance``; ``reception`` takes in what
arrives, ``commands`` sends, ``callbacks`` runs user code on threads of its own. What decides
without sending or waiting is in ``transactions``, ``staging`` and ``network``.
"""

from pye2core.client.instance import Instance
from pye2core.client.payload import Payload
from pye2core.client.pipeline import Pipeline
from pye2core.client.presets import DistributedCustomCodePresets
from pye2core.client.session import Session
from pye2core.client.template import CustomPluginTemplate

__all__ = [
    "CustomPluginTemplate",
    "DistributedCustomCodePresets",
    "Instance",
    "Payload",
    "Pipeline",
    "Session",
]
