"""On a node, in the confined worker: puts tasks together, runs them, takes apart what they give.

Loaded by zygotes where the node's owner has granted ``pye2_joblib``, so that nothing has to be
loaded later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblib import parallel_config

from pye2_calls.values import pack, unpack
from pye2_joblib.forms import FORMS
from pye2_joblib.putting_together import PuttingTogether
from pye2_joblib.references import loaded
from pye2_joblib.taking_apart import TakingApart

if TYPE_CHECKING:
    from collections.abc import Sequence

# It goes by its name, also where it is installed as a folder of source.
__pye2_is_installed__ = True


def run(sent: Sequence[Any], packed: bytes) -> bytes:
    """Run tasks one after the other; what they returned, packed.

    Args:
        sent: the functions and classes of the user's in them.
        packed: a list of functions with their arguments, taken apart.

    Raises:
        ValueNotReadable: something in them is not here.
        ValueNotCarried: something that they returned cannot go; says where it is.
    """
    tasks = PuttingTogether(loaded, sent).together(unpack(packed, FORMS))
    with parallel_config(backend="sequential"):  # a call is one slot's
        results = [function(*args, **kwargs) for function, args, kwargs in tasks]
    numbers = {id(each): number for number, each in enumerate(sent)}
    taking = TakingApart(lambda thing: numbers.get(id(thing)))
    return pack([taking.apart(each, "result") for each in results], FORMS)
