"""What a client and the node's side of FUNCTION_CALLS say to each other, as values and as bytes.

You are between the two: both import this package, and it imports neither. A *message* is the bytes
of one field ``CALLS``, of an instance command to the node or of a payload from there. It holds any
number of *records*, each of which says one thing; docs/protocol.md has the layout.

Where bytes cannot be carried (PyE2's dialect), the field is their base64 text: :func:`from_field`
reads both, and who answers does it in the form in which he was spoken to.
"""

from pye2_calls.messages.checks import MOST_RECORDS
from pye2_calls.messages.fields import as_text, from_field
from pye2_calls.messages.packing import FIELD, Message, MessageNotReadable, pack, unpack
from pye2_calls.messages.parts import PART_SIZE, Assembly, cut
from pye2_calls.messages.records import (
    FROM_CLIENT,
    FROM_NODE,
    Began,
    Call,
    Cancel,
    Cancelled,
    ClientRecord,
    Code,
    CodeWanted,
    Died,
    End,
    Failure,
    Frame,
    Holds,
    Item,
    KeepAlive,
    NodeRecord,
    Output,
    Part,
    Pull,
    Raised,
    Record,
    Refused,
    TimedOut,
    Value,
    Withdraw,
)

__all__ = [
    "FIELD",
    "FROM_CLIENT",
    "FROM_NODE",
    "MOST_RECORDS",
    "PART_SIZE",
    "Assembly",
    "Began",
    "Call",
    "Cancel",
    "Cancelled",
    "ClientRecord",
    "Code",
    "CodeWanted",
    "Died",
    "End",
    "Failure",
    "Frame",
    "Holds",
    "Item",
    "KeepAlive",
    "Message",
    "MessageNotReadable",
    "NodeRecord",
    "Output",
    "Part",
    "Pull",
    "Raised",
    "Record",
    "Refused",
    "TimedOut",
    "Value",
    "Withdraw",
    "as_text",
    "cut",
    "from_field",
    "pack",
    "unpack",
]
