"""A function with all that it needs, as text and values; and back, where it arrives.

``ship`` reads and checks the user's code and sends nothing; ``define`` is the receiver's part and
runs where code is confined. Nothing here knows of nodes or messages. What is below: the language
(``pye2core.code``) and values.

Names are imported when they are first asked for, so that a receiver loads its own part only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2_calls.shipping.instances import classes_in
    from pye2_calls.shipping.making import Made, define
    from pye2_calls.shipping.preparing import ship
    from pye2_calls.shipping.shipped import Place, Shipped

__all__ = ["Made", "Place", "Shipped", "classes_in", "define", "ship"]

_HOME_OF = {
    "Made": "making",
    "Place": "shipped",
    "Shipped": "shipped",
    "classes_in": "instances",
    "define": "making",
    "ship": "preparing",
}


def __getattr__(name: str) -> object:
    try:
        module = import_module(f"{__name__}.{_HOME_OF[name]}")
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(module, name)
