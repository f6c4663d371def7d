"""The models' annotations as types, for serializers that follow them.

Annotations are text, and some of the names in them are imported by type checkers alone: starting
pye2 would take longer otherwise. Who builds readers and writers from them, as cattrs does, needs
the types.
"""

from __future__ import annotations

import functools


@functools.cache
def resolve_types() -> None:
    """Turn the annotations of all models into types.

    Afterwards ``attrs.fields(Heartbeat).pipelines.type`` is ``tuple[PipelineConfig, ...] | None``,
    and a converter of cattrs can write and read every message. Call it once, before you make one.

    Example:
        ::

            resolve_types()
            converter = cattrs.Converter()
            converter.structure({"pipeline": "cellar"}, InstancePath)
    """
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    import attrs

    from pye2core import messages

    said = {name: getattr(messages, name) for name in messages.__all__}
    names = {**said, "Any": Any, "Mapping": Mapping, "datetime": datetime}
    for model in said.values():
        if isinstance(model, type) and attrs.has(model):
            attrs.resolve_types(model, names)
