"""What can be chosen about this dialect.

You are in the native serializer. Read from ``PYE2_NATIVE_WIRE_<FIELD>`` in the environment or in
``.env``; values only.
"""

from __future__ import annotations

from attrs import field, frozen, validators

_LONGEST_DAYS = 30.0


@frozen
class NativeWireSettings:
    """How this side speaks our own dialect.

    Attributes:
        command_days: for so many days a command can be carried out; a node that was away for
            longer refuses it.
    """

    command_days: float = field(
        default=7.0,
        validator=(validators.gt(0.0), validators.le(_LONGEST_DAYS)),
        metadata={"help": "for so many days a command can be carried out, at most 30"},
    )
