"""What a node is told when it is started. Values only; the command line and programs make them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import field, frozen, validators

if TYPE_CHECKING:
    from pathlib import Path

    from pye2core.identity import Passphrases
    from pye2core.settings import BrokerAddress

NAME_PATTERN = r"[A-Za-z0-9_-]{1,64}"
"""What a node may be called: it appears in channel names and in folder names."""

MEBIBYTE = 1024 * 1024

HEARTBEAT_SECONDS = 10.0
"""Between two heartbeats, as PyE2's nodes have it (PyE2 wire protocol, section 9)."""

KEY_PASSPHRASE = "PYE2_NODE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""The variable with the passphrase of a node's key, where it is not that of every key."""

LONGEST_HEARTBEAT_SECONDS = 30.0
"""With fewer than one in 30 s, a lost heartbeat or two make a node look offline to its clients."""


LABEL_PATTERN = r"[A-Za-z0-9_.-]{1,64}=[A-Za-z0-9_.:/+-]{0,64}"
"""What a label may be: ``NAME=VALUE``."""

MOST_LABELS = 32


def _cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


@frozen
class OwnersChoices:
    """What a node's owner can choose: by an option of that name, or as ``PYE2_NODE_<NAME>``.

    The variable may stand in the environment or in a ``.env`` file; an option counts more. Each
    option has its variable, ``--encrypted-commands-only`` as well.

    Attributes:
        heartbeat_interval: seconds between two heartbeats.
        exec_timeout: seconds that one call of custom code may take, where an instance does not say.
        max_exec_timeout: seconds that one call may take at most, whatever an instance says.
        results_to_everyone: whether results go to everybody, as PyE2's nodes send them, even where
            the asker has an inbox of its own: for programs that only listen.
        accept_unencrypted_commands: whether commands are taken that others can read, too.
        unsafe: whether code of others is run where the machine can confine it with neither Landlock
            nor seccomp.
        memory_megabytes: what the process of one instance may take, about 100 for Python included.
        kept_megabytes: what the code of one instance may keep on the disk.
        payloads_per_second: how many payloads one instance may send in the long run; large ones
            count more than once.
        show_code: whether heartbeats show the code of instances, and not only its digest.
        slots: how many function calls run at once, each in a process of its own.
        call_megabytes: what the arguments of one function call may have, and its result.
        labels: what clients may choose the node by, each ``NAME=VALUE``.
    """

    heartbeat_interval: float = field(
        default=HEARTBEAT_SECONDS,
        validator=[validators.gt(0), validators.le(LONGEST_HEARTBEAT_SECONDS)],
        metadata={"help": "seconds between two heartbeats"},
    )
    exec_timeout: float = field(
        default=60.0,
        validator=validators.gt(0),
        metadata={"help": "seconds for one call of code, where an instance does not say"},
    )
    max_exec_timeout: float = field(
        default=3600.0,
        validator=validators.gt(0),
        metadata={"help": "seconds for one call of code, whatever an instance says"},
    )
    results_to_everyone: bool = field(
        default=False, metadata={"help": "true: results go to everybody, as PyE2's nodes do"}
    )
    accept_unencrypted_commands: bool = field(
        default=True,
        metadata={
            "help": "false: commands that others can read are refused",
            "opposite": "encrypted_commands_only",
        },
    )
    unsafe: bool = field(
        default=False,
        metadata={"help": "true: run code of others even where it cannot be confined"},
    )
    memory_megabytes: int = field(
        default=1024,
        validator=validators.ge(256),
        metadata={"help": "megabytes of memory for one instance's process"},
    )
    kept_megabytes: int = field(
        default=64,
        validator=validators.ge(1),
        metadata={"help": "megabytes that the code of one instance may keep on the disk"},
    )
    payloads_per_second: float = field(
        default=200.0,
        validator=validators.gt(0),
        metadata={"help": "payloads that one instance may send in the long run"},
    )
    show_code: bool = field(
        default=False, metadata={"help": "true: heartbeats show the code of instances"}
    )
    slots: int = field(
        factory=_cores,
        validator=validators.ge(1),
        metadata={"help": "function calls that run at once; as many as there are cores unless set"},
    )
    call_megabytes: int = field(
        default=256,
        validator=validators.ge(1),
        metadata={"help": "megabytes of one function call's arguments, or of its result"},
    )
    labels: tuple[str, ...] = field(
        default=(),
        validator=validators.and_(
            validators.max_len(MOST_LABELS),
            validators.deep_iterable(validators.matches_re(LABEL_PATTERN)),
        ),
        metadata={"help": "what clients may choose the node by: NAME=VALUE, …"},
    )


@frozen
class NodeSettings:
    """How to run a node.

    Attributes:
        name: what the node is called; names are for people, its address is what counts.
        broker: where to connect.
        home: the folder with the node's key, its white list and its state.
        allow: addresses to add to the white list when the node starts.
        may_delegate: the same of nodes that may bring work for others without a delegation.
        root: the root of all channel names.
        choices: what else its owner chose.
        passphrase: what the node's key is protected with, or where that is to be looked for; None
            for a key that is not protected.
    """

    name: str = field(validator=validators.matches_re(NAME_PATTERN))
    broker: BrokerAddress
    home: Path
    allow: tuple[str, ...] = ()
    may_delegate: tuple[str, ...] = ()
    root: str = "naeural"
    choices: OwnersChoices = OwnersChoices()
    passphrase: str | Passphrases | None = field(default=None, repr=False)
