"""Messages as a network may have to carry them: hypothesis strategies for every kind.

Nothing here knows a dialect. Whoever tests one imports what it needs.
"""

from __future__ import annotations

from hypothesis import strategies as st

from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Capability,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Introduction,
    Notification,
    NotificationCode,
    NotificationKind,
    OfferState,
    PairingOffer,
    PairingRequest,
    PayloadMessage,
    PipelineCommand,
    PipelineConfig,
    Presence,
    Requester,
    SandboxReport,
)

SENDER = Identity.from_private_value(bytes.fromhex("11" * 32))
RECEIVER = Identity.from_private_value(bytes.fromhex("22" * 32))
STRANGER = Identity.from_private_value(bytes.fromhex("33" * 32))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = texts.filter(bool)
optional_names = st.none() | names
keys = st.text("ABCDEFG_0123456789", min_size=1).map("X_".__add__)
"""What identifies cannot be set: no key is a word of any wire."""

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5
)
fields = st.dictionaries(keys, values, max_size=4)

signatures = names.map(str.upper)
_instance_lists = st.lists(
    st.builds(InstanceConfig, signatures, names, fields),
    unique_by=lambda instance: (instance.signature, instance.instance_id),
    max_size=4,
)
pipelines = st.builds(
    PipelineConfig,
    name=names,
    data_source=names,
    # A dialect may keep the instances of a signature together.
    instances=_instance_lists.map(lambda each: tuple(sorted(each, key=lambda i: i.signature))),
    settings=fields,
)
_updates = st.builds(InstanceUpdate, names, signatures, names, fields)

introductions = st.lists(
    st.builds(Introduction, names, texts), unique_by=lambda each: each.dialect, max_size=2
).map(tuple)
capabilities = st.none() | st.frozensets(st.sampled_from(Capability))
_sessions = st.builds(Requester, st.just(SENDER.address), names, names, capabilities)
askers = st.builds(Requester, st.just(RECEIVER.address) | st.none(), optional_names, optional_names)
_editors = st.builds(Requester, optional_names, optional_names)
paths = st.builds(InstancePath, optional_names, optional_names, optional_names)

_NO_BODY = [
    Action.ARCHIVE_ALL,
    Action.DELETE_ALL,
    Action.RELOAD,
    Action.STOP,
    Action.RESTART,
    Action.FULL_HEARTBEAT,
    Action.TIMERS_HEARTBEAT,
    Action.SIMPLE_HEARTBEAT,
]
_orders = (
    st.tuples(st.just(Action.UPDATE_PIPELINE), pipelines)
    | st.tuples(st.just(Action.UPDATE_INSTANCE), _updates)
    | st.tuples(st.just(Action.UPDATE_INSTANCES), st.lists(_updates, max_size=3).map(tuple))
    | st.tuples(st.just(Action.PIPELINE_COMMAND), st.builds(PipelineCommand, names, fields))
    | st.tuples(st.sampled_from([Action.ARCHIVE_PIPELINE, Action.DELETE_PIPELINE]), names)
    | st.tuples(st.sampled_from(_NO_BODY), st.none())
)


def _digits(count: int) -> st.SearchStrategy[str]:
    """So many lower-case hex digits."""
    return st.text("0123456789abcdef", min_size=count, max_size=count)


offers = st.builds(PairingOffer, st.sampled_from(OfferState), _digits(16), _digits(32))
pairing_requests = st.builds(
    lambda target, session, introduced, said: Command(
        Action.PAIR, None, target, session, introductions=introduced, pairing=said
    ),
    names,
    _sessions,
    introductions,
    st.builds(PairingRequest, _digits(16), _digits(32), _digits(64)),
)
commands = st.builds(
    lambda order, target, session, delegation, introduced: Command(
        order[0], order[1], target, session, delegation, introduced
    ),
    _orders,
    names,
    _sessions,
    st.none() | st.text("abcXYZ019-_.", min_size=1, max_size=200),
    introductions,
)
payloads = st.builds(PayloadMessage, paths, fields, askers, _editors)
notifications = st.builds(
    Notification,
    kind=st.sampled_from(NotificationKind),
    text=texts,
    code=st.none() | st.sampled_from(NotificationCode) | st.integers(),
    path=paths,
    info=st.none() | names,
    module=texts,
    requester=askers,
    fields=fields,
)
heartbeats = st.builds(
    Heartbeat,
    name=names,
    address=st.just(SENDER.address),
    allowed=st.lists(st.sampled_from([SENDER.address, RECEIVER.address])).map(tuple),
    secured=st.booleans(),
    may_delegate=st.none()
    | st.lists(st.sampled_from([SENDER.address, RECEIVER.address])).map(tuple),
    pipelines=st.none() | st.lists(pipelines, max_size=2).map(tuple),
    load=st.none() | st.floats(0, 100),
    free_memory=st.none() | st.floats(0, 1e6),
    version=st.none() | texts,
    signatures=st.none() | st.dictionaries(names, texts, max_size=3),
    sandbox=st.none()
    | st.builds(
        SandboxReport,
        st.lists(names, max_size=3).map(tuple),
        st.dictionaries(names, texts, max_size=3),
        unsafe=st.booleans(),
    ),
    pairing=st.none() | offers,
    clock_trouble=st.none() | texts,
    is_supervisor=st.booleans(),
    presence=st.sampled_from(Presence),
    life=st.none() | texts,
    revision=st.none() | st.integers(),
    capabilities=capabilities,
    introductions=introductions,
    status=fields,
)
brief_heartbeats = st.builds(
    Heartbeat,
    name=names,
    address=st.just(SENDER.address),
    is_brief=st.just(value=True),
    pipelines=st.none(),
    presence=st.sampled_from(Presence),
    life=st.none() | texts,
    revision=st.none() | st.integers(),
    load=st.none() | st.floats(0, 100),
    free_memory=st.none() | st.floats(0, 1e6),
)
