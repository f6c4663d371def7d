"""What channels are called on an MQTT broker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_mqtt.topics import Topics
from pye2core.abc import Channel

TOPICS = Topics("naeural")
OWNERS = st.text(min_size=1, max_size=60).filter(
    lambda name: not set(name) & set("+#\0") and name.isprintable()
)


@pytest.mark.parametrize(
    ("channel", "topic"),
    [
        (Channel.config("0xai_A"), "naeural/0xai_A/config"),
        (Channel.ctrl(), "naeural/ctrl"),
        (Channel.notif(), "naeural/notif"),
        (Channel.payloads(), "naeural/payloads"),
        (Channel.inbox("0xai_A"), "naeural/0xai_A/payloads"),
        (Channel.roll_call(), "naeural/rollcall"),
    ],
)
def test_topics_are_those_of_the_protocol(channel, topic):
    assert TOPICS.topic_of(channel) == topic
    assert TOPICS.filter_of(channel) == topic
    assert TOPICS.channel_of(topic) == channel


@pytest.mark.parametrize(
    ("channel", "topics"),
    [(Channel.every_config(), "naeural/+/config"), (Channel.every_inbox(), "naeural/+/payloads")],
)
def test_all_owners_are_subscribed_to_with_one_filter_and_published_to_with_none(channel, topics):
    assert TOPICS.filter_of(channel) == topics
    with pytest.raises(ValueError, match="all owners at once"):
        TOPICS.topic_of(channel)


@given(root=st.sampled_from(["naeural", "a/b", "/x"]), owner=OWNERS)
def test_every_owner_is_found_again_in_its_topics(root, owner):
    topics = Topics(root)
    for channel in (Channel.config(owner), Channel.inbox(owner)):
        assert topics.channel_of(topics.topic_of(channel)) == channel


@given(st.text())
def test_any_topic_is_a_channel_of_ours_or_none(topic):
    channel = TOPICS.channel_of(topic)

    assert channel is None or topic.startswith("naeural/")


@pytest.mark.parametrize(
    "topic",
    ["other/ctrl", "naeural", "naeural/", "naeural/what", "naeural//config", "naeural/x/notif", ""],
)
def test_foreign_topics_are_no_channels(topic):
    assert TOPICS.channel_of(topic) is None


@pytest.mark.parametrize("owner", ["+", "#", "a+b", "a/#", "nul\0", "", "\udc80"])
def test_names_that_would_reach_others_or_nobody_are_refused(owner):
    for translate in (TOPICS.topic_of, TOPICS.filter_of):
        with pytest.raises(ValueError, match=r"name|owner"):
            translate(Channel.config(owner))


def test_a_topic_has_a_longest_length():
    with pytest.raises(ValueError, match="longer"):
        TOPICS.topic_of(Channel.config("ü" * 40_000))
