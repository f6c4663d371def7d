"""Delegations: a client's signed word that a main node may have others do a job of its.

PyE2 wire protocol, section 20. The exact bytes are signed and carried, so that there is no second
way to write the same; a reader takes them as they are defined there, or not at all. Whether a
delegation counts on some node is that node's business: here it is only told whose it is.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

from attrs import evolve, frozen

from pye2core.code.grants import NO_GRANTS, Grants, read_grants
from pye2core.errors import BadSignature, DelegationRefused, InvalidAddress
from pye2core.identity import address_of, public_key_of, verify
from pye2core.messages.delegation import Delegation
from pye2core.messages.digests import digest_of, is_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.clock import Clock
    from pye2core.identity import Identity

DAYS: Final = 7.0
"""For so long a delegation is good unless its job says otherwise."""

LONGEST: Final = timedelta(days=31)
"""One that is to be good for longer is not believed."""

LEEWAY: Final = timedelta(days=1)
"""So far the clocks of the client and of a worker may be apart at its beginning."""

MOST_CHARACTERS: Final = 16_384
_MOST_CODE: Final = 64
_SIGNED_AS: Final = b"pye2 delegation 1\0"
_VERIFIED: Final = 64
_KEYS: Final = frozenset(
    {"job", "main_node", "client", "signatures", "code", "grants", "not_before", "not_after"}
)


@frozen
class DelegatedWork:
    """What an instance has other nodes do: what a delegation for it has to cover.

    Attributes:
        signatures: what they run.
        code: the digests of the code that they run.
        grants: the most that it asks for there.
        days: for how long.
    """

    signatures: tuple[str, ...]
    code: tuple[str, ...]
    grants: Grants = NO_GRANTS
    days: float = DAYS


def delegation_for(
    work: DelegatedWork, *, job: str, main_node: str, client: Identity, now: datetime
) -> Delegation:
    """Sign that a main node may have others do this.

    Args:
        work: what.
        job: the name of the job's pipeline.
        main_node: who may.
        client: in whose name.
        now: from when on.

    Raises:
        DelegationRefused: nobody would take it: it is too long, or good for too long.
    """
    begin = now.replace(microsecond=0)
    unsigned = Delegation(
        job=job,
        main_node=address_of(public_key_of(main_node)),
        client=client.address,
        signatures=tuple(sorted({each.upper() for each in work.signatures})),
        code=tuple(sorted(set(work.code))),
        grants=work.grants.as_settings(),
        not_before=begin,
        not_after=begin + timedelta(seconds=int(work.days * 86400)),
    )
    signed = _bytes_of(unsigned)
    text = f"{_base64(signed)}.{_base64(client.sign(_SIGNED_AS + signed))}"
    return read_delegation(text)


def read_delegation(text: str) -> Delegation:
    """What a delegation says; it need not be true: see :func:`require_signed`.

    Raises:
        DelegationRefused: it says nothing.
    """
    if len(text) > MOST_CHARACTERS:
        _refuse(f"it has {len(text):,} characters, and may have {MOST_CHARACTERS:,}")
    try:
        said = _object_in(_parts(text)[0])
        return evolve(_read(said), text=text)
    except (ValueError, OverflowError, RecursionError, InvalidAddress) as error:
        raise _unusable(str(error)) from error


def require_signed(delegation: Delegation) -> None:
    """See that the client who is named has signed all of it.

    Raises:
        DelegationRefused: it has not.
    """
    try:
        _check_signature(delegation.text)
    except (ValueError, BadSignature, InvalidAddress) as error:
        reason = f"it was not signed by {delegation.client}, or was changed"
        raise _unusable(reason, delegation.job) from error


def require_in_time(delegation: Delegation, clock: Clock) -> None:
    """See that it is good at this moment, where that can be known.

    Raises:
        DelegationRefused: it is not.
    """
    if not clock.is_set():
        return
    now = clock.now()
    if now >= delegation.not_after:
        until, job = f"{delegation.not_after:%Y-%m-%d %H:%M} UTC", delegation.job
        reason = f"it was good until {until}; have the job {job!r} deployed again"
        raise _unusable(reason, job)
    if now + LEEWAY < delegation.not_before:
        begin = f"{delegation.not_before:%Y-%m-%d %H:%M} UTC"
        reason = f"it is good from {begin} on: see that the clocks are right"
        raise _unusable(reason, delegation.job)


def code_digest(value: object) -> str:
    """The digest of code as it is sent: of its source, however it was packed.

    Raises:
        TypeError, ValueError: it is neither text nor anything that could be written as JSON.
    """
    from pye2core.code.transfer import decode, digest
    from pye2core.errors import CodeError

    if isinstance(value, str):
        try:
            return digest(decode(value))
        except CodeError:
            pass  # code of a kind that is not packed
    return digest_of(value)


# --- its bytes ------------------------------------------------------------------------------------


def _bytes_of(delegation: Delegation) -> bytes:
    said = {
        "job": delegation.job,
        "main_node": delegation.main_node,
        "client": delegation.client,
        "signatures": list(delegation.signatures),
        "code": list(delegation.code),
        "grants": dict(delegation.grants),
        "not_before": int(delegation.not_before.timestamp()),
        "not_after": int(delegation.not_after.timestamp()),
    }
    return json.dumps(said, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _parts(text: str) -> tuple[bytes, bytes]:
    signed, _, signature = text.partition(".")
    return _bytes_in(signed), _bytes_in(signature)


def _bytes_in(text: str) -> bytes:
    data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _base64(data) != text:  # the last character of some has bits that mean nothing
        _wrong("it is not base64 as it is written here")
    return data


@lru_cache(maxsize=_VERIFIED)
def _check_signature(text: str) -> None:
    """Raise unless it is signed; what is not is not remembered."""
    signed, signature = _parts(text)
    verify(_read(_object_in(signed)).client, signature, _SIGNED_AS + signed)


def _object_in(signed: bytes) -> dict[str, Any]:
    said = json.loads(signed.decode(), object_pairs_hook=_without_doubles)
    if type(said) is not dict:
        _wrong("it is no object")
    return said


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _wrong("a key is there twice")
    return found


def _read(said: Mapping[str, Any]) -> Delegation:
    if said.keys() != _KEYS:
        # What a later version may have put there could be a restriction.
        _wrong(f"it has not exactly the keys {', '.join(sorted(_KEYS))}")
    begin, end = _moment(said, "not_before"), _moment(said, "not_after")
    if not timedelta(0) < end - begin <= LONGEST:
        _wrong(f"it would be good from {begin} to {end}, and may be for {LONGEST.days} days")
    signatures = _texts(said, "signatures")
    if any(each != each.upper() for each in signatures):
        _wrong("a signature is not in upper case")
    code = _texts(said, "code")
    if not all(map(is_digest, code)):
        _wrong("what should be digests of code are none")
    return Delegation(
        job=_text(said["job"], "job"),
        main_node=_address(said, "main_node"),
        client=_address(said, "client"),
        signatures=signatures,
        code=code,
        grants=_grants(said["grants"]),
        not_before=begin,
        not_after=end,
    )


def _text(value: object, key: str) -> str:
    if type(value) is not str or not value:
        _wrong(f"{key} is no text")
    return value


def _address(said: Mapping[str, Any], key: str) -> str:
    text = _text(said[key], key)
    if address_of(public_key_of(text)) != text:
        _wrong(f"{key} is not an address in its full form")
    return text


def _texts(said: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = said[key]
    if type(value) is not list or len(value) > _MOST_CODE:
        _wrong(f"{key} is no list of at most {_MOST_CODE} texts")
    return tuple(_text(each, key) for each in value)


def _moment(said: Mapping[str, Any], key: str) -> datetime:
    seconds = said[key]
    if type(seconds) is not int or seconds < 0:
        _wrong(f"{key} is no number of seconds")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except OSError as error:
        raise ValueError(f"{key} is no moment") from error


def _grants(value: object) -> dict[str, Any]:
    if type(value) is not dict:
        _wrong("grants is no object")
    try:
        return read_grants(value).as_settings()
    except ValueError as error:
        raise ValueError(f"grants {error}") from error


def _wrong(why: str) -> NoReturn:
    raise ValueError(why)


def _refuse(reason: str) -> NoReturn:
    raise _unusable(reason)


def _unusable(reason: str, job: str | None = None) -> DelegationRefused:
    return DelegationRefused(f"the delegation cannot be used: {reason}", pipeline=job)
