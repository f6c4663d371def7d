"""Nobody's deputy: whose rights a command has that a node brings for somebody else."""

from datetime import timedelta

import pytest
from attrs import evolve
from node_support import FRIEND, LONG_AGO, STRANGER, Registry, pipeline, puppet

from pye2_node.allow_file import Guest, allow
from pye2_node.allow_list import AllowList
from pye2_node.commands import planned
from pye2_node.deputies import Authority, Deputies, delegation_in
from pye2_node.desired import Brought, DesiredPipeline, from_json, to_json
from pye2_node.gate import Gate
from pye2_node.guest_nodes import GuestNodes
from pye2_node.refusals import Refusals
from pye2_node.signatures import Signatures
from pye2core.abc import Channel
from pye2core.clock import SYSTEM_CLOCK, ManualClock
from pye2core.code import Grants
from pye2core.delegations import DelegatedWork, code_digest, delegation_for
from pye2core.errors import DelegationRefused, MessageRejected
from pye2core.identity import Identity
from pye2core.messages import (
    DELEGATION,
    UNDELEGATED,
    Action,
    Command,
    InstanceUpdate,
    Origin,
    PipelineCommand,
    Requester,
    digest_of,
)

MAIN = Identity.from_words(["main node"])
WORKER = Identity.from_words(["worker"]).address
OTHER_MAIN = Identity.from_words(["another main node"])
SECRET = "return 1"
WORK = DelegatedWork(("PUPPET_01",), (code_digest(SECRET),), Grants(modules=("pandas",)))


def signed(now, *, client=FRIEND, main_node=MAIN.address, job="job", work=WORK):
    return delegation_for(work, job=job, main_node=main_node, client=client, now=now)


# --- who is let in --------------------------------------------------------------------------------


class House:
    """A worker, as far as it decides who may do what."""

    def __init__(self, folder, clock):
        self._file = folder / "allow.toml"
        self.nodes = {MAIN.address}
        self.bringers = set()
        self.deputies = Deputies(
            AllowList(self._file, WORKER),
            WORKER,
            "worker-1",
            is_node=self.nodes.__contains__,
            brings=self.bringers.__contains__,
            clock=clock,
        )

    def allow(self, *identities, **more):
        allow(self._file, [Guest(each.address, **more) for each in identities], LONG_AGO)

    def authority(self, said, sender=MAIN):
        return self.deputies.authority_of(sender.address, said)

    def refusal(self, said, sender=MAIN):
        with pytest.raises(DelegationRefused) as refused:
            self.authority(said, sender)
        return str(refused.value)


@pytest.fixture
def house(tmp_path, clock):
    return House(tmp_path, clock)


@pytest.fixture
def good(clock):
    return signed(clock.now())


def test_a_delegation_of_somebody_who_is_allowed_gives_that_ones_rights(house, good):
    house.allow(FRIEND)

    authority = house.authority(good.text)

    assert authority == Authority(FRIEND.address, MAIN.address, good)


def test_that_the_main_node_is_allowed_too_changes_nothing_of_that(house, good):
    house.allow(FRIEND, MAIN)
    house.allow(MAIN, grants=Grants(network=True))

    assert house.authority(good.text).address == FRIEND.address


def test_a_client_who_is_allowed_on_the_main_node_only_is_refused_with_what_to_do(house, good):
    house.allow(MAIN)

    told = house.refusal(good.text)

    assert f"{FRIEND.address}, whose job this is, is not allowed on worker-1" in told
    assert f"pye2 node allow {FRIEND.address}" in told


def test_a_node_that_is_allowed_lends_its_own_rights_to_nobody(house):
    house.allow(MAIN)

    for said in (None, UNDELEGATED):
        assert f"pye2 node allow {MAIN.address} --may-delegate" in house.refusal(said)
    assert "cannot be used" in house.refusal("")


def test_a_node_whose_word_its_owner_trusts_may_do_as_if_it_were_for_itself(house, clock):
    house.allow(MAIN, may_delegate=True)
    expired = signed(clock.now() - timedelta(days=8))

    for said in (None, UNDELEGATED, expired.text):
        assert house.authority(said) == Authority(MAIN.address, MAIN.address)


def test_who_is_no_node_and_says_nothing_acts_for_itself(house):
    house.allow(FRIEND)

    assert house.authority(None, FRIEND) == Authority(FRIEND.address)
    assert "not allowed" in house.refusal(None, STRANGER)


def test_who_says_that_it_brings_something_needs_a_delegation_though_no_node_was_heard(house):
    house.nodes.clear()
    house.allow(MAIN)

    assert "--may-delegate" in house.refusal(UNDELEGATED)


def test_a_delegation_is_of_use_to_its_main_node_only(house, good):
    house.allow(FRIEND, OTHER_MAIN)

    assert f"for the main node {MAIN.address}" in house.refusal(good.text, OTHER_MAIN)


def test_the_same_delegation_serves_on_every_worker(house, good, tmp_path, clock):
    (tmp_path / "second").mkdir()
    second = House(tmp_path / "second", clock)
    house.allow(FRIEND)
    second.allow(FRIEND)

    assert house.authority(good.text) == second.authority(good.text)


def test_one_that_has_expired_is_refused(house, clock):
    house.allow(FRIEND)

    assert "good until" in house.refusal(signed(clock.now() - timedelta(days=7)).text)


def test_one_that_somebody_else_has_signed_in_the_clients_name_is_refused(house, good, clock):
    house.allow(FRIEND)
    forged = signed(clock.now(), client=STRANGER)
    mixed = f"{good.text.partition('.')[0]}.{forged.text.partition('.')[2]}"

    assert "not signed by" in house.refusal(mixed)


def test_who_may_do_nothing_any_more_may_still_end_what_it_brought(house, clock):
    house.bringers.add(MAIN.address)
    expired = signed(clock.now() - timedelta(days=8))

    authority = house.authority(expired.text)

    authority.require_action(Action.ARCHIVE_PIPELINE)
    with pytest.raises(DelegationRefused, match="not allowed"):
        authority.require_action(Action.UPDATE_PIPELINE)


def test_the_node_itself_needs_nobodys_word(house):
    own = Identity.from_words(["worker"])

    assert house.authority(None, own) == Authority(WORKER)
    assert house.authority(UNDELEGATED, own) == Authority(WORKER)


# --- the gate -------------------------------------------------------------------------------------


class Sealed:
    recipient = WORKER
    digest = "d1"
    is_command = True
    asks_for_sign_of_life = False
    asks_to_pair = False
    is_encrypted = True
    sender = MAIN.address
    requester = Requester(MAIN.address, "job", "session-9")

    def __init__(self, delegation):
        self.delegation = delegation


def test_the_gate_looks_at_it_before_anything_is_opened_and_answers_the_job(house, good, clock):
    told = []
    gate = Gate(
        "worker-1",
        WORKER,
        has_seen=lambda _: False,
        allows=lambda _: True,
        on_refused=told.append,
        refusals=Refusals(clock, lambda *_: None),
        deputies=house.deputies,
        on_not_delegated=lambda requester, why: told.append((requester.session_id, why)),
    )

    with pytest.raises(MessageRejected) as rejected:
        gate(Sealed(good.text))
    assert rejected.value.reason == "not-allowed"
    assert told == [("session-9", str(rejected.value))]

    house.allow(FRIEND)
    gate(Sealed(good.text))


# --- how far it goes ------------------------------------------------------------------------------


@pytest.fixture
def authority(good):
    return Authority(FRIEND.address, MAIN.address, good)


NOW = ManualClock().now()
SIGNATURES = Signatures(Registry([]), shows_code=False)
MAINS_REQUEST = Requester(MAIN.address, "main", "session-9")


def plan(authority, action, body, known=()):
    command = Command(action, body, WORKER, MAINS_REQUEST, origin=Origin(MAIN.address))
    desired = {each.config.name: each for each in known}
    return planned(command, desired, SIGNATURES, NOW, authority)


def worker_pipeline(name="job_w_0", **settings):
    return pipeline(name, puppet(**{"SECRET": SECRET, **settings}))


def there(config, brought):
    return DesiredPipeline(config, MAINS_REQUEST, MAINS_REQUEST, NOW, brought)


def test_a_worker_of_the_job_is_begun_and_its_settings_are_the_clients(authority):
    made = plan(authority, Action.UPDATE_PIPELINE, worker_pipeline(JOB_ID=0))

    (put,) = made.changes
    assert put.pipeline.brought == Brought(MAIN.address, FRIEND.address, "job")
    assert put.pipeline.config.instances[0].set_by == {FRIEND.address}
    assert put.pipeline.requester.address == MAIN.address  # who collects its results


def test_without_a_delegation_its_settings_are_of_the_node_whose_word_is_trusted():
    trusted = Authority(MAIN.address, MAIN.address)

    (put,) = plan(trusted, Action.UPDATE_PIPELINE, worker_pipeline("any")).changes

    assert put.pipeline.config.instances[0].set_by == {MAIN.address}
    assert put.pipeline.brought == Brought(MAIN.address)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (worker_pipeline(SECRET="return 2"), "the code in SECRET"),
        (worker_pipeline(SECRET=None), "the code in SECRET"),
        (worker_pipeline("other_w_0"), "none of its workers"),
        (worker_pipeline("job"), "none of its workers"),
        (pipeline("job_w_0", puppet(signature="LIVE_PUPPET_01")), "LIVE_PUPPET_01"),
        (pipeline("job_w_0", puppet(), puppet("j", SECRET="return 2")), "the code in SECRET"),
        (worker_pipeline(GRANTS={"network": True}), "asks for the network"),
        (worker_pipeline(GRANTS={"modules": ["pandas", "os"]}), "the module os"),
    ],
    ids=["other code", "no code", "other job", "the job", "signature", "second", "grant", "more"],
)
def test_what_was_not_delegated_is_refused_and_nothing_is_kept(authority, config, reason):
    made = plan(authority, Action.UPDATE_PIPELINE, config)

    assert made.changes == []
    assert made.work == []
    assert made.notices[-1].code == -1
    assert reason in made.notices[-1].text
    assert FRIEND.address in made.notices[-1].text


def test_what_was_delegated_may_be_asked_for(authority):
    asks = worker_pipeline(GRANTS={"modules": ["pandas"]})

    assert plan(authority, Action.UPDATE_PIPELINE, asks).changes


@pytest.mark.parametrize(
    "brought",
    [
        None,
        Brought(MAIN.address),
        Brought(MAIN.address, STRANGER.address, "job"),
        Brought(OTHER_MAIN.address, FRIEND.address, "job"),
    ],
    ids=["a client's", "in nobody's name", "another client's", "another main node's"],
)
def test_what_is_somebody_elses_is_not_changed(authority, brought):
    known = there(worker_pipeline(), brought)

    made = plan(authority, Action.UPDATE_PIPELINE, worker_pipeline(X=1), [known])

    assert made.changes == []
    assert "somebody else's" in made.notices[-1].text


def test_code_that_is_kept_by_its_digest_must_be_the_delegated_one(authority):
    brought = Brought(MAIN.address, FRIEND.address, "job")
    known = there(worker_pipeline(SECRET="return 2"), brought)
    keeps = worker_pipeline(SECRET=digest_of("return 2"))

    made = plan(authority, Action.UPDATE_PIPELINE, keeps, [known])

    assert made.changes == []


@pytest.mark.parametrize(
    ("action", "body"),
    [
        (Action.STOP, None),
        (Action.ARCHIVE_ALL, None),
        (Action.UPDATE_INSTANCE, InstanceUpdate("job_w_0", "PUPPET_01", "i", {"SECRET": "x"})),
        (Action.PIPELINE_COMMAND, PipelineCommand("job_w_0", {})),
    ],
)
def test_a_delegation_covers_nothing_but_a_jobs_workers(authority, action, body):
    with pytest.raises(DelegationRefused, match=action.name):
        plan(authority, action, body)


@pytest.mark.parametrize("action", [Action.ARCHIVE_PIPELINE, Action.DELETE_PIPELINE])
def test_a_main_node_ends_what_it_brought_and_nothing_else(authority, action):
    own = there(worker_pipeline(), Brought(MAIN.address, FRIEND.address, "job"))
    assert plan(authority, action, "job_w_0", [own]).changes

    for brought in (None, Brought(OTHER_MAIN.address, FRIEND.address, "job")):
        other = there(worker_pipeline(), brought)
        with pytest.raises(DelegationRefused, match="not brought by"):
            plan(authority, action, "job_w_0", [other])


def test_what_is_known_of_who_brought_it_survives_a_restart():
    for brought in (None, Brought(MAIN.address), Brought(MAIN.address, FRIEND.address, "job")):
        kept = there(worker_pipeline(), brought)
        assert from_json(to_json(kept)).brought == brought


# --- on the main node -----------------------------------------------------------------------------


def held(text, *, set_by=(FRIEND.address,)):
    return evolve(puppet(**{DELEGATION: text}), set_by=frozenset(set_by))


def test_a_main_node_uses_what_the_instances_only_owner_has_signed(good, clock):
    assert delegation_in(held(good.text), "job", MAIN.address, clock) == good
    assert delegation_in(puppet(), "job", MAIN.address, clock) is None


@pytest.mark.parametrize(
    ("pipeline_name", "node", "set_by"),
    [
        ("job", OTHER_MAIN.address, [FRIEND.address]),
        ("another", MAIN.address, [FRIEND.address]),
        ("job", MAIN.address, [STRANGER.address]),
        ("job", MAIN.address, [FRIEND.address, STRANGER.address]),
    ],
    ids=["another node", "another job", "somebody else's", "shared"],
)
def test_it_lends_nobody_what_another_has_signed(good, clock, pipeline_name, node, set_by):
    with pytest.raises(DelegationRefused):
        delegation_in(held(good.text, set_by=set_by), pipeline_name, node, clock)


# --- a whole node ---------------------------------------------------------------------------------


@pytest.fixture
def bring(connect):
    """Sends a node what a main node brings."""
    main = connect(MAIN)

    def send(node, config, said):
        command = main.command(Action.UPDATE_PIPELINE, config, node.address)
        sent = evolve(command, delegation=said)
        main.connection.send(sent, Channel.config(node.address), encrypt_for=node.address)
        return main

    return send


def test_a_node_that_allows_the_client_takes_its_work_from_a_main_node(start, bring):
    node = start()

    main = bring(node, worker_pipeline(), signed(SYSTEM_CLOCK.now()).text)

    assert main.notification(100, "job_w_0").requester.address == MAIN.address


def test_a_node_that_allows_the_main_node_only_does_not(start, bring):
    node = start(guests=(MAIN.address,))

    main = bring(node, worker_pipeline(), signed(SYSTEM_CLOCK.now()).text)

    told = main.notification(-5000)
    assert f"pye2 node allow {FRIEND.address}" in told.text
    assert told.requester.session_id == "session-1"
    assert node.on_loop(lambda: dict(node.node._ledger.pipelines)) == {}


def test_a_main_node_that_exchanges_the_code_is_refused_and_told_why(start, bring):
    node = start()

    main = bring(node, worker_pipeline(SECRET="return 2"), signed(SYSTEM_CLOCK.now()).text)

    assert "not the one that was delegated" in main.notification(-1, "job_w_0").text
    assert node.on_loop(lambda: dict(node.node._ledger.pipelines)) == {}


def test_a_node_says_whose_word_it_trusts(start, friend):
    start(delegating=(MAIN.address,))

    said = friend.heartbeat("n1")

    assert said.may_delegate == (MAIN.address,)
    assert MAIN.address in said.allowed


# --- who is known to be a node --------------------------------------------------------------------


def test_of_those_who_are_heard_as_nodes_only_guests_are_kept(store):
    nodes = GuestNodes(store, {FRIEND.address}.__contains__)

    for address in (FRIEND.address, STRANGER.address):
        nodes.hear(address)

    assert FRIEND.address in nodes
    assert store.guest_nodes() == {FRIEND.address}


def test_who_was_once_known_as_a_node_stays_one_though_no_more_allowed_or_heard(store):
    GuestNodes(store, {FRIEND.address}.__contains__).hear(FRIEND.address)

    assert FRIEND.address in GuestNodes(store, lambda _: False)
