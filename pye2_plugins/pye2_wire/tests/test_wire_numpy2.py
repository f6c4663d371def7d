"""Payloads that PyE2 on NumPy 2 spoils are told from those that were changed on their way."""

import hashlib
import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wire_slow_model as model
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_wire import numpy2
from pye2_wire.sealed import parse
from pye2_wire.serializer import Pye2Serializer
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import InstancePath, PayloadMessage

DATA = Path(__file__).parents[3] / "tests/data"
NODE = Identity.from_private_value(bytes.fromhex("11" * 32))
OTHER = Identity.from_private_value(bytes.fromhex("22" * 32))

ENVELOPE = {
    "EE_EVENT_TYPE": "PAYLOAD",
    "EE_ID": "real-1",
    "EE_PAYLOAD_PATH": ["real-1", "p", "CUSTOM_EXEC_01", "i"],
    "EE_TIMESTAMP": "2026-11-22 21:34:59.920285",
}
# As PyE2's engine notes them; its rate is numpy's.
NOTES = {
    "_P_ALIVE_TIME_MINS": 0.08,
    "_P_PROCESS_DELAY": 2.0,
    "_P_PLUGIN_REAL_RESOLUTION": np.float64(0.5),
}


def text_of(value: Any) -> str:
    """Canonical JSON as PyE2 makes it on NumPy 2 (PyE2 wire protocol, section 3.1, Q2)."""
    if type(value) is np.float64:
        return repr(value) if np.isfinite(value) else "null"
    if type(value) is list:
        return "[" + ",".join(map(text_of, value)) + "]"
    if type(value) is dict:
        pairs = (f"{model.text_in_quotes(key)}:{text_of(value[key])}" for key in sorted(value))
        return "{" + ",".join(pairs) + "}"
    return model.canonical_text(value)


def signed(said: dict[str, Any], signer: Identity = NODE) -> dict[str, Any]:
    """A payload as such a node sends it."""
    message = {**ENVELOPE, **said}
    digest = hashlib.sha256(text_of(message).encode()).digest()
    signature = urlsafe_b64encode(signer.sign(digest)).decode()
    complete = {
        **message,
        "EE_SIGN": signature,
        "EE_SENDER": NODE.address,
        "EE_HASH": digest.hex(),
    }
    arrived: dict[str, Any] = json.loads(json.dumps(complete))
    return arrived


def refusal_of(message: dict[str, Any]) -> MessageRejected:
    with pytest.raises(MessageRejected) as rejection:
        parse(json.dumps(message).encode()).verify()
    assert rejection.value.sender == NODE.address
    return rejection.value


def reason_for(message: dict[str, Any]) -> str:
    return refusal_of(message).reason


# --- what is recognised ---------------------------------------------------------------------------


def test_the_model_of_such_a_node_is_pye2s() -> None:
    vectors = json.loads((DATA / "vectors/hash_sign_verify.json").read_text("utf-8"))["vectors"]
    stated = {each["name"]: each for each in vectors}

    for name, value in (("np.float64", 1.5), ("np.float64 nan", np.nan)):
        text = text_of({"a": np.float64(value)})
        assert text == stated[name]["canonical_json"]
        assert hashlib.sha256(text.encode()).hexdigest() == stated[name]["sha256_hex"]


def recorded() -> list[dict[str, Any]]:
    """What the real engine said whose stated hash is not that of its content."""
    content = json.loads((DATA / "captures/engine_plain.json").read_text("utf-8"))
    said = [json.loads(each["raw_utf8"]) for each in content["messages"]]
    return [each for each in said if not model.verifies(each)]


@pytest.mark.parametrize("message", recorded(), ids=lambda each: each["EE_MESSAGE_ID"][:8])
def test_each_payload_that_the_real_engine_spoilt_is_recognised(message: dict[str, Any]) -> None:
    rejection = rejection_of_recorded(message)

    assert rejection.reason == "numpy2-signature"
    assert "NumPy 2" in str(rejection)
    assert "accept_numpy2_payloads=True" in str(rejection)


@pytest.mark.parametrize("message", recorded(), ids=lambda each: each["EE_MESSAGE_ID"][:8])
@pytest.mark.parametrize(
    "change",
    [{"_P_PLUGIN_REAL_RESOLUTION": 0.25}, {"_P_ALIVE_TIME_MINS": 1e9}, {"ID": -1}, {"X": 0.5}],
)
def test_if_it_was_changed_as_well_it_is_not(
    message: dict[str, Any], change: dict[str, Any]
) -> None:
    rejection = rejection_of_recorded(message | change)

    assert rejection.reason == "signature"
    assert "changed on its way" in str(rejection)


def rejection_of_recorded(message: dict[str, Any]) -> MessageRejected:
    with pytest.raises(MessageRejected) as rejection:
        parse(json.dumps(message).encode()).verify()
    return rejection.value


def test_the_recording_has_both_kinds_of_payload() -> None:
    signatures = {each["EE_PAYLOAD_PATH"][2] for each in recorded()}

    assert signatures == {
        "CUSTOM_EXEC_01",
        "NET_MON_01",
        "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST",
    }


floats = st.floats() | st.integers(-(10**17), 10**17).map(float) | st.sampled_from([-0.0, 1e16])
names = st.text('ABcd_é"\\\n\u0000', min_size=1, max_size=6)
others = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"))
few_fields = st.dictionaries(names, floats | floats.map(np.float64) | others, max_size=4)


@settings(deadline=None)
@given(few_fields)
def test_of_few_floats_any_may_be_numpys(said: dict[str, Any]) -> None:
    assert reason_for(signed({**said, **NOTES})) == "numpy2-signature"


@settings(deadline=None)
@given(few_fields, names, others | floats)
def test_and_none_of_the_rest_may_be_changed(said: dict[str, Any], name: str, value: Any) -> None:
    message = signed({**said, **NOTES})
    before = json.dumps(message.get(name, "nothing"))
    message[name] = [value]
    assert json.dumps(message[name]) != before

    assert reason_for(message) == "signature"


@settings(deadline=None)
@given(few_fields)
def test_what_has_no_numpy_float_verifies_as_ever(said: dict[str, Any]) -> None:
    python = {key: value for key, value in said.items() if type(value) is not np.float64}

    parse(json.dumps(signed(python)).encode()).verify()


@pytest.mark.parametrize(
    "said",
    [
        {"EXEC_RESULT": [np.float64(each / 7) for each in range(500)]},
        {"EXEC_RESULT": {"mean": np.float64(1.0), "std": np.float64(2.0), "n": [0.5, 1.5] * 10}},
        {"EXEC_RESULT": [[f"n{each}", np.float64(each / 3), each / 9] for each in range(40)]},
        {"EXEC_RESULT": [{"a": each / 3, "b": np.float64(each / 9)} for each in range(40)]},
        {"EXEC_RESULT": {f"k{each}": np.float64(each / 3) for each in range(200)}},
        {"EXEC_RESULT": {f"k{each}": each / 3 for each in range(200)}},
        {"CURRENT_NETWORK": {f"n{each}": {"SCORE": np.float64(each)} for each in range(20)}},
    ],
    ids=["a list", "by name", "by place", "in objects", "many names", "none of many", "a monitor"],
)
def test_of_many_floats_those_of_one_name_or_place_may_be(said: dict[str, Any]) -> None:
    assert reason_for(signed({**said, **NOTES})) == "numpy2-signature"


@pytest.mark.parametrize("formatter", ["aixp1", "cavi2"])
def test_a_formatters_shape_hides_none(formatter: str) -> None:
    fields = {"PROGRESS": 50.5, "_V_X": [0.5] * 9, **NOTES}
    payload = PayloadMessage(InstancePath("p", "S", "i"), fields, formatter=formatter)
    shaped = json.loads(Pye2Serializer("real-1").seal(payload, NODE))
    rate = json.dumps(0.5)
    text = json.dumps({key: shaped[key] for key in shaped if key not in model.NOT_SIGNED})
    assert rate in text

    said = json.loads(text, object_hook=with_numpys_rate)

    assert reason_for(signed(said)) == "numpy2-signature"


def with_numpys_rate(pairs: dict[str, Any]) -> dict[str, Any]:
    rates = {key for key in pairs if key.endswith("PLUGIN_REAL_RESOLUTION")}
    return {key: np.float64(value) if key in rates else value for key, value in pairs.items()}


# --- what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["HEARTBEAT", "NOTIFICATION"])
def test_only_payloads_are(event: str) -> None:
    assert reason_for(signed({**NOTES, "EE_EVENT_TYPE": event})) == "signature"


def test_a_text_that_looks_like_numpys_is_none() -> None:
    message = signed({"A": 1, **NOTES})

    assert reason_for(message | {"A": "np.float64(1.0)"}) == "signature"
    assert reason_for(signed({"A": "np.float64(1.0)", **NOTES})) == "numpy2-signature"


def test_nobody_can_sign_for_another() -> None:
    rejection = refusal_of(signed(NOTES, signer=OTHER))

    assert rejection.reason == "signature"
    assert "NumPy" not in str(rejection)


def test_without_a_float_there_is_nothing_that_numpy_could_have_spoilt() -> None:
    assert reason_for(signed({"A": 1}) | {"A": 2}) == "signature"


@pytest.mark.parametrize("odd", [5, None, [], {}, "", "x", "0" * 64, "A" * 64, "é" * 64])
def test_an_odd_hash_is_a_verdict_and_no_crash(odd: Any) -> None:
    assert reason_for(signed(NOTES) | {"EE_HASH": odd}) == "signature"


def test_what_is_accepted_all_the_same_is_not_verified() -> None:
    sealed = parse(json.dumps(signed({"A": np.float64(1.5)})).encode())
    with pytest.raises(MessageRejected):
        sealed.verify()

    opened = sealed.open(OTHER)

    assert isinstance(opened, PayloadMessage)
    assert opened.fields["A"] == 1.5
    assert opened.origin is not None
    assert not opened.origin.verified


# --- what it costs --------------------------------------------------------------------------------


class Hashes:
    """Stands for the hash of a guess: fits none, and counts bytes."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, start: bytes, runs: list[Any], guess: int) -> str:
        self.sizes.append(len(start) + sum(len(each.by_numpy) for each in runs))
        return ""


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> Hashes:
    counting = Hashes()
    monkeypatch.setattr(numpy2, "_hash_of", counting)
    return counting


@pytest.mark.parametrize(
    "said",
    [
        {f"a{each}": each / 7 for each in range(50)},
        {f"a{each}": each / 7 for each in range(2000)},
        {"a": [each / 7 for each in range(3000)]},
        {"a": [[each / 7, 1] for each in range(2000)]},
        {"a": [{"b": each / 7, "c": each / 7} for each in range(1000)]},
        {"a": "x" * 60_000, **{f"a{each}": each / 7 for each in range(50)}},
    ],
)
def test_a_payload_that_fits_nothing_is_given_up_soon(hashes: Hashes, said: dict[str, Any]) -> None:
    assert reason_for(signed({**said, **NOTES}) | {"X": 1}) == "signature"

    assert 2 < len(hashes.sizes) <= numpy2.MOST_HASHES
    assert sum(hashes.sizes) <= numpy2.MOST_HASHED_BYTES + max(hashes.sizes)


def test_no_guess_is_made_twice() -> None:
    floats = [numpy2._Float(name, 0.5) for name in ("a", "b", "_P_PLUGIN_REAL_RESOLUTION", "_P_X")]

    guesses = list(numpy2._guesses(floats, numpy2._groups_of(floats)))

    assert sorted(guesses) == list(range(1, 16))


def test_however_many_names_there_are_they_make_few_groups() -> None:
    floats = [
        numpy2._Float(f"{prefix}{each}", 0.5) for prefix in ("a", "_P_") for each in range(99)
    ]

    groups = numpy2._groups_of([*floats, numpy2._Float("_P_PLUGIN_REAL_RESOLUTION", 0.5)])

    assert len(set(groups)) == 3


def test_of_a_large_payload_only_the_engines_own_rate_is_tried(hashes: Hashes) -> None:
    large = {"IMG": "x" * numpy2.LARGEST_SEARCHED, "A": [0.5] * 100_000}

    assert reason_for(signed({**large, **NOTES}) | {"X": 1}) == "signature"
    assert len(hashes.sizes) == 1


def test_a_large_payload_of_such_an_engine_is_recognised() -> None:
    large = {"IMG": "x" * numpy2.LARGEST_SEARCHED, "A": [0.5, 1.0, 1e20, float("nan")]}

    assert reason_for(signed({**large, **NOTES})) == "numpy2-signature"
    assert reason_for(signed({**large, **NOTES}) | {"A": [0.5]}) == "signature"
    assert reason_for(signed({**large, **NOTES, "B": np.float64(0.1)})) == "signature"
