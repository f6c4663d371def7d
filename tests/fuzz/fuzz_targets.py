"""What takes bytes from the network or from a worker, each as a function of those bytes.

A target returns whatever the bytes are, or it has found something: the errors that a decoder
promises are caught here, and no others. ``fuzz_run.py`` has atheris look for such bytes;
``test_fuzz_corpus.py`` replays what it has kept.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from fuzz_calls import TARGETS as CALLS
from fuzz_edits import Editor
from fuzz_heard import take_in
from fuzz_mqtt import TARGETS as MQTT
from fuzz_native import TARGETS as NATIVE
from fuzz_native import require_reason
from fuzz_trust import TARGETS as TRUST
from fuzz_values import TARGETS as VALUES
from fuzz_worker import TARGETS as WORKER

from pye2_amqp.topology import Topology
from pye2_cli.wire.files import messages_in
from pye2_cli.wire.names import NameBook
from pye2_cli.wire.reading import Reader
from pye2_cli.wire.telling import as_line, as_object
from pye2_mqtt.topics import Topics
from pye2_nats.names import Names
from pye2_node.gate import Gate
from pye2_wire.canonical import canonical
from pye2_wire.ciphertext import encrypted_text
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields, signed_part
from pye2_wire.unsendable import UnsendableValue
from pye2core import installed_plugins
from pye2core.code import transfer
from pye2core.errors import CodeError, MessageRejected
from pye2core.identity import Identity
from pye2core.messages import PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable

SENDER = Identity.from_private_value(bytes.fromhex("11" * 32))
RECEIVER = Identity.from_private_value(bytes.fromhex("22" * 32))
DIALECT = Pye2Serializer(node_name="n")
REASONS = {"shape", "signature", "numpy2-signature", "decryption", "unsupported"}
OF_THE_GATE = {"recipient", "replay", "not-allowed", "unencrypted", "shape"}

HEARTBEAT = {"EE_ID": "n", "EE_EVENT_TYPE": "HEARTBEAT", "HEARTBEAT_VERSION": "v2"}
COMMAND = {"EE_ID": "n", "EE_IS_ENCRYPTED": True, "SESSION_ID": "s", "INITIATOR_ID": "i"}


# --- PyE2's dialect -------------------------------------------------------------------------------


def survive(data: bytes) -> None:
    """Take a message as far as it goes: what a node, and a session, do with it."""
    DIALECT.recognises(data)
    try:
        sealed = DIALECT.parse(data)
        sealed.verify()
        let_in(sealed)
        message = sealed.open(RECEIVER)
    except MessageRejected as rejection:
        require_reason(rejection, REASONS)
        return
    assert message.origin is not None
    assert message.origin.verified
    if isinstance(message, PayloadMessage):
        sealed.own_fields(message)
    take_in(message)


def let_in(sealed: Any) -> None:
    try:
        GATE(sealed)
    except MessageRejected as rejection:
        require_reason(rejection, OF_THE_GATE)


class Nobody:
    """Whom nothing is said to."""

    def tell(self, sender: str, say: Callable[[], object]) -> None:
        say()


GATE = Gate(
    "n",
    RECEIVER.address,
    has_seen=lambda command: command.digest.startswith("0"),
    allows=lambda address: address == SENDER.address,
    on_refused=lambda address: None,
    on_unencrypted=lambda requester: None,
    refusals=Nobody(),
)


def signed(message: dict[str, Any]) -> bytes | None:
    """A message with a good signature; None for one that cannot be written again."""
    unsigned = signed_part(message)
    try:
        complete = {**unsigned, **signature_fields(canonical(unsigned), SENDER)}
        return json.dumps(complete).encode()
    except (UnsendableValue, RecursionError, ValueError):
        return None


def object_in(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def survive_signed(message: dict[str, Any]) -> None:
    data = signed(message)
    if data is not None:
        survive(data)


def wire_bytes(data: bytes) -> None:
    """Bytes as they come."""
    survive(data)


def wire_signed(data: bytes) -> None:
    """A JSON object that its sender has signed, whatever is in it."""
    message = object_in(data)
    if message is not None:
        survive_signed(message)


def wire_edited(data: bytes) -> None:
    """A recorded message that was edited, in clear, encrypted and compressed."""
    from pye2_wire.heartbeats import encoded_data

    message = Editor(data).message()
    survive_signed(message)
    try:
        text = json.dumps(message).encode()
    except ValueError:
        return
    survive_signed({**HEARTBEAT, "ENCODED_DATA": encoded_data(text)})
    outside = {key: value for key, value in message.items() if key.startswith("EE_")}
    ciphertext = encrypted_text(text, SENDER, RECEIVER.address)
    survive_signed({**outside, "EE_IS_ENCRYPTED": True, "EE_ENCRYPTED_DATA": ciphertext})


def wire_encrypted(data: bytes) -> None:
    """What is encrypted within a signed command, and within a signed payload."""
    ciphertext = encrypted_text(data, SENDER, RECEIVER.address)
    survive_signed({**COMMAND, "EE_ENCRYPTED_DATA": ciphertext})
    survive_signed(
        {**COMMAND, "EE_ENCRYPTED_DATA": ciphertext, "EE_EVENT_TYPE": "PAYLOAD"},
    )


def wire_ciphertext(data: bytes) -> None:
    """A ciphertext that nobody made."""
    survive_signed({**COMMAND, "EE_ENCRYPTED_DATA": data.decode("latin-1")})
    survive_signed({**COMMAND, "EE_ENCRYPTED_DATA": b64encode(data).decode()})


def wire_compressed(data: bytes) -> None:
    """What is compressed within a heartbeat: a JSON text, and any stream at all."""
    from pye2_wire.heartbeats import encoded_data

    survive_signed({**HEARTBEAT, "ENCODED_DATA": encoded_data(data)})
    survive_signed({**HEARTBEAT, "ENCODED_DATA": b64encode(data).decode()})


def wire_decode(data: bytes) -> None:
    """A file for ``pye2 wire decode``, and what it shows at a terminal."""
    for saved in messages_in(data):
        reading = READER.read(saved.data)
        if saved.channel is not None:
            reading = reading.heard_on(saved.channel)
        line = as_line(reading, NameBook(), saved.heard_at)
        assert line.isprintable(), "a terminal would obey it"
        json.dumps(as_object(reading, saved.heard_at))


READER = Reader(installed_plugins(), [RECEIVER])


def code_transfer(data: bytes) -> None:
    """Custom code as it is sent."""
    for text in (data.decode("latin-1"), b64encode(data).decode()):
        try:
            assert len(transfer.decode(text, max_size=10_000).encode()) <= 10_000
        except CodeError:
            continue


# --- names of channels ----------------------------------------------------------------------------


def channel_names(data: bytes) -> None:
    """Topics, routing keys and subjects, as a broker hands them over."""
    name = data.decode("utf-8", "replace")
    topics, topology, names = Topics("naeural"), Topology("naeural", "m", "m", "1f"), NAMES
    topic = topics.channel_of(name)
    for found, again in (
        (topic, topics.topic_of),
        (topology.channel_of(name), topology.key_of),
        (names.channel(name), names.subject),
    ):
        if found is None:
            continue
        try:
            again(found)
        except ValueError:
            continue


NAMES = Names("naeural")

TARGETS: dict[str, Callable[[bytes], None]] = {
    **{
        each.__name__: each
        for each in (
            *(wire_bytes, wire_signed, wire_edited, wire_encrypted, wire_ciphertext),
            *(wire_compressed, wire_decode, code_transfer, channel_names),
        )
    },
    **CALLS,
    **MQTT,
    **NATIVE,
    **TRUST,
    **VALUES,
    **WORKER,
}
