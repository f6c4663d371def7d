"""Who is granted what: in the file, for whose settings an instance has, and while it runs."""

from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from node_support import FRIEND, STRANGER, desired, pipeline, puppet

from pye2_node.allow_file import Guest, allow, deny, read_allow_file, withdraw
from pye2_node.allow_list import AllowList
from pye2_node.confidence import marked, parties, shelf_of, unmarked
from pye2_node.credit import credited
from pye2_node.desired import Brought, from_json, path_of, to_json
from pye2_node.granting import Granting, granted_to
from pye2_node.sandbox.granted_zygotes import Share
from pye2core.code.grants import NO_GRANTS, Grants
from pye2core.errors import GrantMissing, InvalidConfiguration, NodeError
from pye2core.messages import (
    Action,
    InstanceUpdate,
    NotificationCode,
    NotificationKind,
    Requester,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ALICE, BOB = FRIEND.address, STRANGER.address
NETWORK = Grants(network=True)
PICTURES = Grants(folders=("/srv/pictures",))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "allow.toml"


def guests(file):
    return {each.address: each.grants for each in read_allow_file(file).guests}


# --- allow.toml -----------------------------------------------------------------------------------


def test_what_is_granted_is_kept_in_the_table_of_the_address(file):
    allow(file, [Guest(ALICE, "alice", NETWORK)], NOW)
    allow(file, [Guest(BOB)], NOW)

    assert "network = true" in file.read_text()
    assert guests(file) == {ALICE: NETWORK, BOB: NO_GRANTS}


def test_what_is_granted_later_is_added(file):
    allow(file, [Guest(ALICE, "alice", NETWORK)], NOW)

    added = allow(file, [Guest(ALICE, None, PICTURES)], NOW)

    assert added == []
    (guest,) = read_allow_file(file).guests
    assert guest.grants == NETWORK.with_more(PICTURES)
    assert guest.alias == "alice"


def test_one_grant_is_taken_away_and_the_others_stay(file):
    allow(file, [Guest(ALICE, "alice", NETWORK.with_more(PICTURES))], NOW)

    assert withdraw(file, ALICE, NETWORK) == PICTURES
    assert withdraw(file, BOB, NETWORK) is None
    assert guests(file) == {ALICE: PICTURES}


def test_who_is_denied_and_allowed_again_is_granted_nothing(file):
    allow(file, [Guest(ALICE, None, NETWORK)], NOW)
    deny(file, ALICE)
    allow(file, [Guest(ALICE)], NOW)

    assert guests(file) == {ALICE: NO_GRANTS}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("netwrok = true", "netwrok"),
        ('network = "yes"', "network"),
        ('folders = "/srv"', "folders"),
        ('folders = ["/"]', "'/'"),
        ('modules = ["os; rm"]', "os; rm"),
    ],
)
def test_to_a_table_with_a_mistake_nothing_is_granted_and_that_is_said(file, line, names):
    own = f'[addresses."{ALICE}"]\ndevices = ["/dev/video0"]\n{line}\n'
    file.write_text(f'{own}[addresses."{BOB}"]\nnetwork = true')

    content = read_allow_file(file)

    assert {each.address: each.grants for each in content.guests} == {
        ALICE: NO_GRANTS,
        BOB: NETWORK,
    }
    (problem,) = content.problems
    assert ALICE in problem
    assert names in problem


def test_a_mistake_is_not_written_over(file):
    text = f'[addresses."{ALICE}"]\nnetwrok = true\n'
    file.write_text(text)

    with pytest.raises(NodeError, match="netwrok"):
        allow(file, [Guest(ALICE, None, NETWORK)], NOW)

    assert file.read_text() == text


def test_the_list_knows_what_is_granted_in_whatever_form_an_address_comes(file):
    known = AllowList(file, BOB)
    allow(file, [Guest(ALICE, None, NETWORK)], NOW)

    assert known.granted(ALICE) == NETWORK
    assert known.granted(ALICE.removeprefix("0xai_")) == NETWORK
    assert known.granted(BOB) == NO_GRANTS, "the node itself has to be granted things, too"
    assert known.granted("nobody") == NO_GRANTS


@pytest.mark.parametrize("forms", [[ALICE, ALICE[5:]], [ALICE[5:], ALICE]])
def test_what_is_taken_away_is_so_under_every_form_of_the_address(file, forms):
    tables = [f'[addresses."{each}"]\nnetwork = true\nmay_delegate = true' for each in forms]
    file.write_text("\n".join(tables))
    (problem,) = read_allow_file(file).problems
    assert forms[1] in problem

    withdraw(file, ALICE, NETWORK, may_delegate=True)
    (left,) = read_allow_file(file).guests
    assert left == Guest(ALICE)

    assert deny(file, ALICE)
    assert guests(file) == {}


def test_who_is_allowed_without_a_table_can_be_granted_something_and_denied_it(file):
    file.write_text(f'[addresses]\n"{ALICE}" = true\n')

    assert withdraw(file, ALICE, NETWORK) == NO_GRANTS
    allow(file, [Guest(ALICE, None, NETWORK)], NOW)

    assert guests(file) == {ALICE: NETWORK}


# --- whose an instance is -------------------------------------------------------------------------


def secret(signature, key):
    return key == "CODE"


def credit(current, changed, sender):
    (instance,) = credited(current, changed, sender, secret).instances
    return instance.set_by


def one(**settings):
    return pipeline("p", puppet(**settings))


def set_by(config, *addresses):
    return evolve(
        config,
        instances=tuple(evolve(each, set_by=frozenset(addresses)) for each in config.instances),
    )


def test_a_new_instance_is_its_senders():
    assert credit(None, one(CODE="a"), ALICE) == {ALICE}


def test_who_changes_a_detail_of_anothers_instance_shares_it():
    assert credit(set_by(one(CODE="a"), ALICE), one(CODE="a", N=1), BOB) == {ALICE, BOB}


def test_who_sends_other_code_has_it_alone():
    assert credit(set_by(one(CODE="a"), ALICE), one(CODE="b"), BOB) == {BOB}


def test_where_nothing_is_known_to_be_code_everything_is():
    assert credit(set_by(one(N=1), ALICE), one(N=2), BOB) == {ALICE, BOB}


def test_what_nobody_changed_stays_whose_it_was():
    assert credit(set_by(one(CODE="a"), ALICE), one(CODE="a"), BOB) == {ALICE}


def test_a_message_cannot_say_whose_it_is():
    assert credit(None, set_by(one(CODE="a"), ALICE), BOB) == {BOB}


@given(
    st.lists(st.tuples(st.sampled_from([ALICE, BOB]), st.sampled_from("abc"), st.integers(0, 2)))
)
def test_code_never_runs_without_its_senders_name(history):
    """Whatever is sent by whom in whatever order: who sent the present code is among its owners."""
    current, sent_code = None, {}
    for sender, code, detail in history:
        if current is None or current.instances[0].settings["CODE"] != code:
            sent_code[code] = sender
        current = credited(current, one(CODE=code, N=detail), sender, secret)
        (instance,) = current.instances
        assert sent_code[code] in instance.set_by


def test_it_is_kept_on_disk():
    kept = desired(set_by(one(CODE="a"), ALICE, BOB))

    (instance,) = from_json(to_json(kept)).config.instances

    assert instance.set_by == {ALICE, BOB}


def test_what_an_earlier_version_kept_belongs_to_all_who_are_known():
    kept = desired(one(CODE="a"))
    text = to_json(kept).replace(',"set_by":[]', "")
    assert "set_by" not in text

    (instance,) = from_json(text).config.instances

    assert instance.set_by == {kept.requester.address}


# --- what is asked for ----------------------------------------------------------------------------


@pytest.fixture
def asked_at_home(tmp_path):
    """What an instance of these senders is given that asks for this."""

    def ask(grants, *senders, granted):
        config = evolve(puppet(GRANTS=grants), set_by=frozenset(senders))
        known = granted.get
        granting = Granting(
            lambda address: known(address, NO_GRANTS),
            "n1",
            tmp_path / "home",
            on_asked=int,
            count=int,
        )
        return granted_to(config, path_of("p", config), granting, asker="the instance 'i'")

    return ask


def test_what_is_granted_is_given_and_no_more_than_is_asked_for(asked_at_home):
    granted = {ALICE: NETWORK.with_more(PICTURES)}

    assert asked_at_home({"network": True}, ALICE, granted=granted) == NETWORK


def test_what_is_lacking_is_told_with_the_command(asked_at_home):
    asked = {"network": True, "modules": ["pandas"]}

    with pytest.raises(GrantMissing) as lacking:
        asked_at_home(asked, ALICE, granted={ALICE: NETWORK})

    assert lacking.value.command == f"pye2 node allow {ALICE} --module pandas"
    assert lacking.value.command in str(lacking.value)
    assert lacking.value.asked == asked
    assert lacking.value.lacking == {"modules": ["pandas"]}
    assert lacking.value.address == ALICE


def test_of_what_was_asked_for_it_is_told_what_is_granted_and_of_all_else_nothing(asked_at_home):
    asked, granted = {"network": True, "modules": ["pandas"]}, NETWORK.with_more(PICTURES)

    with pytest.raises(GrantMissing) as lacking:
        asked_at_home(asked, ALICE, granted={ALICE: granted})

    said = f"asks for the network, the module pandas, of which {ALICE} is not granted on"
    assert said in str(lacking.value)
    assert ": the module pandas; on the node run: " in str(lacking.value)
    assert "pictures" not in str(lacking.value)


def test_where_nothing_of_it_is_granted_it_is_told_once(asked_at_home):
    with pytest.raises(GrantMissing, match=r"asks for the network, which .* is not granted on"):
        asked_at_home({"network": True}, ALICE, granted={})


def test_all_whose_settings_it_has_must_be_granted_it(asked_at_home):
    with pytest.raises(GrantMissing, match=BOB):
        asked_at_home({"network": True}, ALICE, BOB, granted={ALICE: NETWORK})


def test_an_instance_of_nobody_is_given_nothing(asked_at_home):
    with pytest.raises(GrantMissing):
        asked_at_home({"network": True}, granted={ALICE: NETWORK})


def test_a_wish_that_cannot_be_understood_is_an_error(asked_at_home):
    with pytest.raises(InvalidConfiguration, match="netwrok"):
        asked_at_home({"netwrok": True}, ALICE, granted={})


@pytest.mark.parametrize(("count", "most"), [(0, 8), (1, 8), (2, 4), (3, 2), (8, 1), (30, 1)])
def test_whoever_is_granted_something_has_an_equal_share_of_the_processes_that_takes(
    tmp_path, count, most
):
    granting = Granting(
        lambda _: NETWORK, "n1", tmp_path / "home", on_asked=int, count=lambda: count
    )
    config = evolve(puppet(), set_by=frozenset({ALICE, BOB}))

    assert granting.share_of(config) == Share(frozenset({ALICE, BOB}), most)


def test_only_who_is_granted_something_is_counted(file):
    allow(file, [Guest(ALICE, None, NETWORK), Guest(BOB)], NOW)

    assert AllowList(file, BOB).count_granted() == 1


@pytest.mark.parametrize("where", ["home", "home/instances", "."])
def test_the_nodes_home_is_never_within_reach(tmp_path, asked_at_home, where):
    (tmp_path / "home" / "instances").mkdir(parents=True)
    folder = str((tmp_path / where).resolve())

    with pytest.raises(NodeError, match="home"):
        asked_at_home({"folders": [folder]}, ALICE, granted={ALICE: Grants(folders=(folder,))})


def test_a_link_to_the_nodes_home_is_no_way_in(tmp_path, asked_at_home):
    (tmp_path / "home").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "home")
    folder = str(tmp_path / "way")

    with pytest.raises(NodeError, match="home"):
        asked_at_home({"folders": [folder]}, ALICE, granted={ALICE: Grants(folders=(folder,))})


# --- for whose eyes it is -------------------------------------------------------------------------

ALICES, BOBS = Requester(ALICE, "alice", "a"), Requester(BOB, "bob", "b")


def standing(made_by, changed_by, *owners, brought=None, **settings):
    config = evolve(puppet(**settings), set_by=frozenset(owners))
    made = evolve(desired(pipeline("p", config), made_by), modified_by=changed_by, brought=brought)
    return config, made


@pytest.mark.parametrize(
    ("made_by", "changed_by", "owners", "for_whom"),
    [
        (ALICES, ALICES, [ALICE], (ALICES, ALICES)),
        (ALICES, BOBS, [ALICE], (ALICES, ALICES)),
        (BOBS, ALICES, [ALICE], (ALICES, ALICES)),
        (ALICES, BOBS, [ALICE, BOB], (ALICES, BOBS)),
    ],
    ids=["one", "another touches the pipeline", "another made the pipeline", "both"],
)
def test_what_code_with_grants_gives_is_for_those_whose_it_is(
    made_by, changed_by, owners, for_whom
):
    granted = standing(made_by, changed_by, *owners, GRANTS={"network": True})
    without = standing(made_by, changed_by, *owners)

    assert parties(*granted) == for_whom
    assert parties(*without) == (made_by, changed_by)


def test_what_an_instance_gives_that_is_its_clients_alone_is_for_that_client():
    touched = standing(ALICES, BOBS, ALICE)

    assert parties(*touched, is_private=True) == (ALICES, ALICES)


def test_where_neither_has_a_part_in_it_nothing_is_sent():
    with pytest.raises(NodeError, match=rf"it is for {ALICE}, .* deploy it as one of your own"):
        parties(*standing(BOBS, BOBS, ALICE, GRANTS={"network": True}))


def test_what_a_main_node_brings_for_somebody_is_for_the_main_node():
    brought = Brought(BOB, ALICE, "job")
    client = Requester("0xai_else", "else", "e")
    worker = standing(BOBS, client, ALICE, brought=brought, GRANTS={"network": True})

    assert parties(*worker) == (BOBS, BOBS)


def test_what_code_with_grants_keeps_is_given_to_the_same_people_s_code_with_grants_only():
    places = [
        shelf_of(standing(ALICES, ALICES, *owners, GRANTS=grants)[0])
        for owners in ([ALICE], [BOB], [ALICE, BOB])
        for grants in ({"network": True}, None)
    ]
    kept = {place: marked(b"state", place) for place in places}

    found = {(one, two) for one in places for two in places if unmarked(kept[one], two) is not None}

    assert len(set(places)) == 4, "there is one place for all without grants"
    assert found == {(each, each) for each in places}
    assert all(unmarked(kept[each], each) == b"state" for each in places)
    assert unmarked(None, places[0]) is None


# --- a node ---------------------------------------------------------------------------------------


def grant(node, grants, address=ALICE):
    allow(node.settings.home / "allow.toml", [Guest(address, None, grants)], NOW)
    node.on_loop(node.node._grants_watch.look)


def asking(**settings):
    return pipeline("p", puppet(GRANTS={"network": True}, **settings))


def test_an_instance_that_asks_for_too_much_does_not_begin(start, friend, log):
    node = start()

    friend.send(Action.UPDATE_PIPELINE, asking(), node.address)

    refused = friend.notification(NotificationCode.PLUGIN_CONFIG_FAILED, "p")
    assert f"pye2 node allow {ALICE} --network" in refused.text
    assert log == []


def test_it_begins_when_that_is_granted(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, asking(VALUE=7), node.address)
    friend.notification(NotificationCode.PLUGIN_CONFIG_FAILED, "p")

    grant(node, NETWORK)

    assert friend.payload("p").fields["VALUE"] == 7


def test_it_ends_when_that_is_taken_away_and_begins_again(start, friend, log):
    node = start()
    grant(node, NETWORK)
    friend.send(Action.UPDATE_PIPELINE, asking(VALUE=1), node.address)
    friend.confirmed("p")
    friend.payload("p")

    withdraw(node.settings.home / "allow.toml", ALICE, NETWORK)
    node.on_loop(node.node._grants_watch.look)

    ended = friend.notification(None, "p")
    while ended.kind is not NotificationKind.EXCEPTION:
        ended = friend.notification(None, "p")
    assert "asks for the network" in ended.text
    assert log[-1] == "stop"

    grant(node, NETWORK)
    assert friend.payload("p").fields["VALUE"] == 1


def test_what_asks_for_nothing_goes_on_whatever_is_taken_away(start, friend, log):
    node = start()
    grant(node, NETWORK)
    friend.send(Action.UPDATE_PIPELINE, pipeline("q", puppet(VALUE=2)), node.address)
    friend.confirmed("q")

    deny(node.settings.home / "allow.toml", ALICE)
    node.on_loop(node.node._grants_watch.look)
    allow(node.settings.home / "allow.toml", [Guest(ALICE)], NOW)
    friend.send(
        Action.UPDATE_INSTANCE,
        InstanceUpdate("q", "PUPPET_01", "i", {"INSTANCE_COMMAND": "HELLO"}),
        node.address,
    )

    friend.notification(NotificationCode.PLUGIN_INSTANCE_COMMAND_OK, "q")
    assert "stop" not in log


def test_what_is_a_clients_alone_ends_when_that_client_is_denied(start, friend, log):
    node = start()
    whitelist = node.settings.home / "allow.toml"
    allow(whitelist, [Guest(ALICE)], NOW)
    own = pipeline("q", puppet(signature="PRIVATE_PUPPET_01", VALUE=2))
    friend.send(Action.UPDATE_PIPELINE, own, node.address)
    friend.payload("q")

    deny(whitelist, ALICE)
    node.on_loop(node.node._grants_watch.look)

    ended = friend.notification(None, "q")
    while ended.kind is not NotificationKind.EXCEPTION:
        ended = friend.notification(None, "q")
    assert "not allowed on" in ended.text
    assert log[-1] == "stop"


def test_a_change_that_asks_for_too_much_leaves_the_instance_as_it_was(start, friend, log):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(VALUE=1)), node.address)
    friend.confirmed("p")
    update = InstanceUpdate("p", "PUPPET_01", "i", {"GRANTS": {"network": True}})

    friend.send(Action.UPDATE_INSTANCE, update, node.address)

    friend.notification(NotificationCode.PLUGIN_CONFIG_FAILED, "p")
    (kept,) = node.on_loop(lambda: node.node._ledger.pipelines["p"].config.instances)
    assert "GRANTS" not in kept.settings
    assert kept.set_by == {ALICE}


def test_who_asks_for_something_else_gets_another_process(start, friend, log):
    """What was open to the old one would stay open."""
    node = start()
    grant(node, NETWORK)
    live = puppet(signature="LIVE_PUPPET_01", GRANTS={"network": True})
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", live), node.address)
    friend.confirmed("p")
    friend.payload("p")
    del log[:]

    update = InstanceUpdate("p", "LIVE_PUPPET_01", "i", {"GRANTS": {}})
    friend.send(Action.UPDATE_INSTANCE, update, node.address)

    friend.confirmed("p")
    assert log[:2] == ["stop", "start"]


def test_an_edit_by_hand_is_noticed_while_something_is_asked_for(start, friend, monkeypatch):
    monkeypatch.setattr("pye2_node.grants_watch.LOOK_AGAIN", 0.05)
    node = start()
    friend.send(Action.UPDATE_PIPELINE, asking(VALUE=7), node.address)
    friend.notification(NotificationCode.PLUGIN_CONFIG_FAILED, "p")

    allow(node.settings.home / "allow.toml", [Guest(ALICE, None, NETWORK)], NOW)

    assert friend.payload("p").fields["VALUE"] == 7


def test_nothing_is_looked_at_again_where_nothing_is_asked_for(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("q", puppet()), node.address)
    friend.confirmed("q")

    assert node.on_loop(lambda: node.node._grants_watch._next) is None
