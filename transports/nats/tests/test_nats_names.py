"""What channels are called: reversibly, whatever owners and networks are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_nats.names import Names
from pye2core.abc import Channel

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)
_CHANNELS = st.one_of(
    _TEXTS.map(Channel.config),
    _TEXTS.map(Channel.inbox),
    st.sampled_from([Channel.ctrl(), Channel.notif(), Channel.payloads(), Channel.roll_call()]),
)


@given(_TEXTS, _CHANNELS)
def test_a_channel_is_found_again_by_its_subject(root: str, channel: Channel) -> None:
    names = Names(root)

    assert names.channel(names.subject(channel)) == channel


@given(_TEXTS, _CHANNELS)
def test_a_subject_has_no_more_tokens_than_its_channel_and_nothing_special_in_them(
    root: str, channel: Channel
) -> None:
    subject = Names(root).subject(channel)

    assert len(subject.split(".")) == (2 if channel.owner is None else 3)
    assert not set(subject) & set("*> \t\r\n")


@given(_TEXTS, _TEXTS, _CHANNELS)
def test_networks_do_not_meet(root: str, other: str, channel: Channel) -> None:
    if root != other:
        assert Names(other).channel(Names(root).subject(channel)) is None


@given(_TEXTS, _TEXTS)
def test_clients_have_consumers_of_their_own_whose_names_fit_a_folder(one: str, other: str) -> None:
    names = Names("naeural")
    (mine, yours) = names.consumer(one), names.consumer(other)

    assert (mine == yours) == (one == other)
    assert len(mine) <= 100
    assert not set(mine) & set(".*> /\\")


@pytest.mark.parametrize("owner", ["", "x" * 2000, "\ud800"])
def test_an_owner_that_cannot_be_in_a_subject_is_refused(owner: str) -> None:
    with pytest.raises(ValueError, match=r"owner|surrogate"):
        Names("naeural").subject(Channel.config(owner))


@given(st.text())
def test_any_subject_is_a_channel_or_none(subject: str) -> None:
    found = Names("naeural").channel(subject)

    assert found is None or subject.startswith("naeural.")
