"""Whatever a message says arrives: for every kind, and for whatever JSON can carry."""

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_wire.serializer import Pye2Serializer
from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Capability,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Message,
    Notification,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
    PipelineCommand,
    PipelineConfig,
    Presence,
    Requester,
)

SENDER = Identity.from_private_value(bytes.fromhex("11" * 32))
RECEIVER = Identity.from_private_value(bytes.fromhex("22" * 32))
DIALECT = Pye2Serializer("naeural-1")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = texts.filter(bool)
optional_names = st.none() | names
# Not one of these may be a word of the wire: what identifies cannot be set.
keys = st.text("ABCDEFG_0123456789", min_size=1).map("X_".__add__)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5
)
fields = st.dictionaries(keys, values, max_size=4)
signatures = names.map(str.upper)
instance_lists = st.lists(
    st.builds(InstanceConfig, signatures, names, fields),
    unique_by=lambda instance: (instance.signature, instance.instance_id),
    max_size=4,
)
pipelines = st.builds(
    PipelineConfig,
    name=names,
    data_source=names,
    # On the wire they are grouped by signature.
    instances=instance_lists.map(lambda each: tuple(sorted(each, key=lambda i: i.signature))),
    settings=fields,
)
updates = st.builds(InstanceUpdate, names, signatures, names, fields)
capabilities = st.none() | st.frozensets(st.sampled_from(Capability))
sessions = st.builds(Requester, st.just(SENDER.address), names, names, capabilities)
askers = st.builds(Requester, st.just(RECEIVER.address) | st.none(), optional_names, optional_names)
editors = st.builds(Requester, optional_names, optional_names)
paths = st.builds(InstancePath, optional_names, optional_names, optional_names)
NO_BODY = [
    Action.ARCHIVE_ALL,
    Action.DELETE_ALL,
    Action.RELOAD,
    Action.STOP,
    Action.RESTART,
    Action.FULL_HEARTBEAT,
    Action.TIMERS_HEARTBEAT,
    Action.SIMPLE_HEARTBEAT,
]
orders = (
    st.tuples(st.just(Action.UPDATE_PIPELINE), pipelines)
    | st.tuples(st.just(Action.UPDATE_INSTANCE), updates)
    | st.tuples(st.just(Action.UPDATE_INSTANCES), st.lists(updates, max_size=3).map(tuple))
    | st.tuples(st.just(Action.PIPELINE_COMMAND), st.builds(PipelineCommand, names, fields))
    | st.tuples(st.sampled_from([Action.ARCHIVE_PIPELINE, Action.DELETE_PIPELINE]), names)
    | st.tuples(st.sampled_from(NO_BODY), st.none())
)
receivers = st.sampled_from([None, RECEIVER.address])


def arrived(message: Message, encrypt_for: str | None = None) -> Any:
    data = DIALECT.seal(message, SENDER, encrypt_for=encrypt_for)
    assert DIALECT.recognises(data)
    sealed = DIALECT.parse(data)
    sealed.verify()
    opened = sealed.open(RECEIVER)
    assert opened.origin is not None
    assert (opened.origin.sender, opened.origin.verified) == (SENDER.address, True)
    return opened


@settings(deadline=None)
@given(orders, names, sessions, st.none() | fields, receivers)
def test_commands(
    order: tuple[Action, Any],
    target: str,
    session: Requester,
    delegation: dict[str, Any] | None,
    encrypt_for: str | None,
) -> None:
    command = Command(*order, target, session, delegation)

    assert evolve(arrived(command, encrypt_for), origin=None) == command


@settings(deadline=None)
@given(paths, fields, askers, editors, receivers)
def test_payloads(
    path: InstancePath,
    said: dict[str, Any],
    asker: Requester,
    editor: Requester,
    encrypt_for: str | None,
) -> None:
    opened = arrived(PayloadMessage(path, said, asker, editor), encrypt_for)

    expected_asker = evolve(asker, address=encrypt_for or asker.address)
    assert (opened.path, opened.requester, opened.modified_by) == (path, expected_asker, editor)
    assert {key: opened.fields[key] for key in said} == said


@settings(deadline=None)
@given(
    st.builds(
        Notification,
        kind=st.sampled_from(NotificationKind),
        text=texts,
        code=st.none() | st.sampled_from(NotificationCode) | st.integers(),
        path=paths,
        info=st.none() | texts,
        module=texts,
        requester=askers,
        fields=fields,
    )
)
def test_notifications(notification: Notification) -> None:
    opened = arrived(notification)

    said = notification.fields
    assert {key: opened.fields[key] for key in said} == said
    # On the wire INFO is always a text: an empty one says that there is none.
    expected = evolve(notification, info=notification.info or None)
    assert evolve(opened, fields=said, origin=None) == expected


@settings(deadline=None)
@given(
    st.builds(
        Heartbeat,
        name=names,
        address=st.just(SENDER.address),
        allowed=st.lists(st.sampled_from([SENDER.address, RECEIVER.address])).map(tuple),
        secured=st.booleans(),
        pipelines=st.none() | st.lists(pipelines, max_size=2).map(tuple),
        load=st.none() | st.floats(0, 100),
        free_memory=st.none() | st.floats(0, 1e6),
        version=st.none() | texts,
        signatures=st.none() | st.dictionaries(names, texts, max_size=3),
        is_supervisor=st.booleans(),
        presence=st.sampled_from(Presence),
        life=st.none() | texts,
        revision=st.none() | st.integers(),
        capabilities=capabilities,
        status=fields,
    )
)
def test_heartbeats(heartbeat: Heartbeat) -> None:
    opened = arrived(heartbeat)

    said = heartbeat.status
    assert {key: opened.status[key] for key in said} == said
    assert evolve(opened, status=said, origin=None) == heartbeat


@settings(deadline=None)
@given(
    st.builds(
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
)
def test_brief_heartbeats(heartbeat: Heartbeat) -> None:
    assert evolve(arrived(heartbeat), status={}, origin=None) == heartbeat


@settings(deadline=None)
@given(paths, fields, askers)
def test_what_arrived_can_be_sent_on(
    path: InstancePath, said: dict[str, Any], asker: Requester
) -> None:
    once = arrived(PayloadMessage(path, said, asker))

    twice = arrived(once)

    assert evolve(twice, fields=said, origin=None) == evolve(once, fields=said, origin=None)
    assert twice.origin.digest != once.origin.digest
