"""What the tests of shipping share: a shipped function, made as a node's worker makes it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from pye2_calls.shipping import Made, define, ship
from pye2_node.sandbox.functions import Functions, language_of
from pye2core.code.rules import Permitted

if TYPE_CHECKING:
    from pye2_calls.shipping import Shipped

PLUGIN = SimpleNamespace(np=np, node_id="attic")
NAME = "shipped"


def make(shipped: Shipped) -> Made:
    """Make what was shipped of its text and values alone, where nothing of its module is."""
    permitted = Permitted(frozenset(shipped.modules)).with_given()
    functions = Functions(print, language_of(permitted))
    maker = functions.make(NAME, shipped.source, shipped.parameters)
    return define(maker, PLUGIN, shipped.values)


def there(function: Any) -> Any:
    """The function as it is where it arrives."""
    return make(ship(function)).function
