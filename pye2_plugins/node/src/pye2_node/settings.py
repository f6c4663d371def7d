"""What a node is told when it is started. Values only; the command line and programs make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen, validators

if TYPE_CHECKING:
    from pathlib import Path

    from pye2core.settings import BrokerAddress

NAME_PATTERN = r"[A-Za-z0-9_-]{1,64}"
"""What a node may be called: it appears in channel names and in folder names."""

HEARTBEAT_SECONDS = 10.0
"""Between two heartbeats, as PyE2's nodes have it (PyE2 wire protocol, section 9)."""

LONGEST_HEARTBEAT_SECONDS = 30.0
"""With fewer than one in 30 s, a lost heartbeat or two make a node look offline to its clients."""


@frozen
class NodeSettings:
    """How to run a node.

    Attributes:
        name: what the node is called; names are for people, its address is what counts.
        broker: where to connect.
        home: the folder with the node's key, its white list and its state.
        allow: addresses to add to the white list when the node starts.
        heartbeat_seconds: between two heartbeats.
        call_seconds: how long one call of custom code may take, where an instance does not say.
        longest_call_seconds: how long one call may take at most, whatever an instance says.
        results_to_everyone: whether results go to everybody, as PyE2's nodes send them, even where
            the asker has an inbox of its own: for programs that only listen.
        accept_unencrypted_commands: whether commands are taken that others can read, too.
        show_code: whether heartbeats show the code of instances, and not only its digest.
        root: the root of all channel names.
    """

    name: str = field(validator=validators.matches_re(NAME_PATTERN))
    broker: BrokerAddress
    home: Path
    allow: tuple[str, ...] = ()
    heartbeat_seconds: float = field(
        default=HEARTBEAT_SECONDS,
        validator=[validators.gt(0), validators.le(LONGEST_HEARTBEAT_SECONDS)],
    )
    call_seconds: float = field(default=60.0, validator=validators.gt(0))
    longest_call_seconds: float = field(default=3600.0, validator=validators.gt(0))
    results_to_everyone: bool = False
    accept_unencrypted_commands: bool = True
    show_code: bool = False
    root: str = "naeural"


@frozen
class OwnersChoices:
    """What an owner can also choose as ``PYE2_NODE_<FIELD>``, in the environment or in ``.env``.

    Attributes:
        accept_unencrypted_commands: see :class:`NodeSettings`.
    """

    accept_unencrypted_commands: bool = field(
        default=True, metadata={"help": "false: commands that others can read are refused"}
    )
