"""For whose eyes it is what code with grants gives and keeps: for those whose code it is.

So it is with what an instance gives that is its client's alone.

Everybody who is allowed on a node may change any pipeline of it. Without this, one who is granted
nothing could have the results of others' code sent to everybody, by a change of whatever kind, or
put code of one's own where it finds what the others' has kept. Values in, values out.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from pye2core.errors import NodeError
from pye2core.identity import same_address
from pye2core.messages import GRANTS

if TYPE_CHECKING:
    from pye2_node.desired import DesiredPipeline
    from pye2core.messages import InstanceConfig, Requester

    Parties = tuple[Requester, Requester]
    """Who asked for an instance, and who changed it last."""

_SHELF_CHARACTERS: Final = 32
_MARK: Final = b"\0of code with grants "
"""Before the state that such code keeps; no state of other code begins like this."""


def parties(
    config: InstanceConfig, pipeline: DesiredPipeline, *, is_private: bool = False
) -> Parties:
    """Who asked for what an instance gives, and who changed that last.

    Args:
        config: the instance's.
        pipeline: where it is.
        is_private: whether it is its client's alone, be it granted anything or not.

    Raises:
        NodeError: it has grants, or is private, and neither of them has a part in it.
    """
    both = (pipeline.requester, pipeline.modified_by)
    if not (is_private or config.settings.get(GRANTS)):
        return both
    theirs = [each for each in both if _has_part(each, config, pipeline)]
    if not theirs:
        raise NodeError(
            f"a result of {config.instance_id} was not sent: it is for {', '.join(config.set_by)},"
            " and the pipeline was made and changed by others; deploy it as one of your own"
        )
    return theirs[0], theirs[-1]


def confidants(
    config: InstanceConfig, pipeline: DesiredPipeline, *, is_private: bool = False
) -> Parties:
    """Who is told how an instance fares: the same, and where none has a part, both all the same."""
    try:
        return parties(config, pipeline, is_private=is_private)
    except NodeError:
        return (pipeline.requester, pipeline.modified_by)


def _has_part(person: Requester, config: InstanceConfig, pipeline: DesiredPipeline) -> bool:
    address, brought = person.address or "", pipeline.brought
    if brought is not None and brought.client in config.set_by:
        return same_address(address, brought.main_node)
    return any(same_address(address, each) for each in config.set_by)


def shelf_of(config: InstanceConfig) -> str | None:
    """A name for the place where an instance with grants keeps things; None for one without."""
    if not config.settings.get(GRANTS):
        return None
    owners = "\n".join(sorted(config.set_by))
    return hashlib.sha256(owners.encode()).hexdigest()[:_SHELF_CHARACTERS]


def marked(state: bytes, shelf: str | None) -> bytes:
    """A state as it is kept."""
    return state if shelf is None else _MARK + shelf.encode() + state


def unmarked(kept: bytes | None, shelf: str | None) -> bytes | None:
    """What was kept, if whoever asks is the one who kept it."""
    if kept is None:
        return None
    mark = b"" if shelf is None else _MARK + shelf.encode()
    if not kept.startswith(mark) or (shelf is None and kept.startswith(_MARK)):
        return None
    return kept[len(mark) :]
