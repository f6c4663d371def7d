"""What channels and queues are called on a broker."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pye2_amqp.settings import AmqpSettings
from pye2_amqp.topology import KEPT, Topology, Traffic, traffic_of
from pye2core.abc import Channel, ChannelKind

NAMES = Topology("naeural", "me", "me", "1f2e")
KEPT_NAMES = evolve(NAMES, persistent=True)
OWNERS = st.text(min_size=1, max_size=20)
SHARED = [Channel.ctrl(), Channel.notif(), Channel.payloads(), Channel.roll_call()]


def with_settings(topology: Topology = KEPT_NAMES, **settings) -> Topology:
    return evolve(topology, settings=AmqpSettings(**settings))


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "key"),
    [
        (Channel.config("0xai_A-b_c"), "naeural.config.0xai_A-b_c"),
        (Channel.inbox("0xai_A-b_c"), "naeural.inbox.0xai_A-b_c"),
        (Channel.ctrl(), "naeural.ctrl"),
        (Channel.notif(), "naeural.notif"),
        (Channel.payloads(), "naeural.payloads"),
        (Channel.roll_call(), "naeural.rollcall"),
        (Channel.config("node.1"), "naeural.config.node%2E1"),
        (Channel.config("#*%"), "naeural.config.%23%2A%25"),
    ],
)
def test_each_channel_has_its_key(channel, key):
    assert NAMES.key_of(channel) == NAMES.binding_of(channel) == key
    assert NAMES.channel_of(key) == channel


def test_all_owners_are_bound_with_one_key_and_published_to_with_none():
    assert NAMES.binding_of(Channel.every_config()) == "naeural.config.*"
    assert NAMES.binding_of(Channel.every_inbox()) == "naeural.inbox.*"
    with pytest.raises(ValueError, match="all owners at once"):
        NAMES.key_of(Channel.every_config())


@given(OWNERS, st.sampled_from([Channel.config, Channel.inbox]))
def test_every_owner_is_one_word_and_found_again(owner, make):
    try:
        key = NAMES.key_of(make(owner))
    except ValueError:
        return
    assert key.count(".") == 2
    assert not set("*#") & set(key)
    assert NAMES.channel_of(key) == make(owner)


@given(st.text(max_size=30) | st.text(max_size=30).map(lambda text: f"naeural.{text}"))
def test_any_key_is_a_channel_of_ours_or_none(key):
    channel = NAMES.channel_of(key)

    assert channel is None or not channel.is_wildcard


@pytest.mark.parametrize(
    "key",
    [
        "naeural",
        "other.ctrl",
        "naeural.",
        "naeural.config",
        "naeural.config.",
        "naeural.ctrl.A",
        "naeural.config.A.B",
        "naeural.claims.me",
    ],
)
def test_foreign_keys_are_no_channels(key):
    assert NAMES.channel_of(key) is None


def test_a_key_has_a_longest_length():
    with pytest.raises(ValueError, match="longer than 255 bytes"):
        NAMES.key_of(Channel.config("x" * 250))


@pytest.mark.parametrize("owner", ["", "\ud800"])
def test_an_owner_that_cannot_be_in_a_key_is_refused(owner):
    with pytest.raises(ValueError, match=r"no owner|Unicode"):
        NAMES.key_of(Channel.config(owner))


def test_the_routing_key_of_the_settings_is_the_beginning_of_all_keys():
    names = with_settings(routing_key="lab.a#1*")

    assert names.key_of(Channel.ctrl()) == "lab.a%231%2A.ctrl"
    assert names.channel_of("lab.a%231%2A.config.me") == Channel.config("me")


def test_who_connects_says_so_where_only_that_client_id_listens():
    names = Topology("naeural", "me.too", "owner", "1f")

    assert names.claims_key == "naeural.claims.me%2Etoo"
    assert names.claims.exclusive
    assert names.claims.name != evolve(names, connection="2e").claims.name


# --- queues ---------------------------------------------------------------------------------------


def test_traffic_that_may_stall_has_queues_of_its_own():
    traffic = {
        kind: traffic_of(Channel(kind, "A" if kind.value in {"config", "inbox"} else None))
        for kind in ChannelKind
    }

    assert traffic[ChannelKind.PAYLOADS] is Traffic.PAYLOADS
    assert traffic[ChannelKind.INBOX] is Traffic.INBOXES
    assert traffic[ChannelKind.CONFIG] is Traffic.COMMANDS
    assert traffic[ChannelKind.NOTIF] is Traffic.NOTIFICATIONS
    assert [kind for kind in traffic if traffic[kind] is Traffic.PASSING] == [
        ChannelKind.CTRL,
        ChannelKind.ROLL_CALL,
    ]


@pytest.mark.parametrize("traffic", Traffic)
def test_queues_of_a_client_that_is_not_persistent_end_with_its_connection(traffic):
    queue = NAMES.queue_of(traffic)

    assert queue.exclusive
    assert not queue.durable
    assert queue.name == f"naeural.me.{traffic.value}.1f2e"


@pytest.mark.parametrize("traffic", KEPT)
def test_queues_of_a_persistent_client_are_durable_and_expire(traffic):
    queue = with_settings(queue_expires=3600.0).queue_of(traffic)

    assert (queue.name, queue.durable, queue.exclusive) == (
        f"naeural.me.{traffic.value}",
        True,
        False,
    )
    assert queue.arguments["x-expires"] == 3_600_000
    assert queue.arguments["x-single-active-consumer"] is True


def test_what_passes_is_never_kept():
    assert KEPT_NAMES.queue_of(Traffic.PASSING).exclusive


def test_commands_that_cannot_be_delivered_go_to_the_dead_letters():
    arguments = {traffic: KEPT_NAMES.queue_of(traffic).arguments for traffic in KEPT}

    assert arguments[Traffic.COMMANDS]["x-dead-letter-exchange"] == "naeural.dead-letters"
    assert KEPT_NAMES.dead_letters.name == "naeural.dead-letters"
    assert [one for one in KEPT if "x-dead-letter-exchange" in arguments[one]] == [Traffic.COMMANDS]


def test_quorum_queues_are_asked_for_and_limit_how_often_a_command_is_delivered():
    names = with_settings(queue_type="quorum", delivery_limit=5)

    assert names.queue_of(Traffic.PAYLOADS).arguments["x-queue-type"] == "quorum"
    assert names.queue_of(Traffic.COMMANDS).arguments["x-delivery-limit"] == 5
    assert "x-delivery-limit" not in names.queue_of(Traffic.PAYLOADS).arguments


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "naeural.me.commands"),
        ({"exchange": "lab"}, "lab.naeural.me.commands"),
        ({"exchange": "lab", "routing_key": "lab"}, "lab.me.commands"),
        ({"routing_key": "attic"}, "naeural.attic.me.commands"),
        ({"exchange": "lab", "queue": "q"}, "q.me.commands"),
        ({"queue": "of {} here"}, "of me here.commands"),
        ({"exchange": "amq.topic"}, "naeural.me.commands"),
    ],
)
def test_the_settings_say_how_names_of_queues_begin(settings, name):
    assert with_settings(**settings).queue_of(Traffic.COMMANDS).name == name


def test_exclusive_queues_keep_nothing_for_a_persistent_client():
    names = with_settings(queue_exclusive=True)

    assert not names.keeps
    assert names.queue_of(Traffic.COMMANDS).exclusive


def test_queues_need_not_be_durable():
    names = with_settings(queue_durable=False)

    assert not names.queue_of(Traffic.COMMANDS).durable
    assert names.dead_letters == KEPT_NAMES.dead_letters  # which clients share, whatever they set


@pytest.mark.parametrize("settings", [{"queue": "q" * 250}, {"exchange": "e" * 250}])
def test_names_that_are_too_long_are_found_before_anything_is_asked(settings):
    with pytest.raises(ValueError, match="longer than 255 bytes"):
        with_settings(**settings).require_names()


def test_usual_names_are_not_too_long():
    evolve(KEPT_NAMES, owner="pye2-node-0xai_" + "A" * 44).require_names()
