"""What code asks for and is granted: how it is read, compared, and let through the check."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.code import CapturedCode, check_function, check_source, permitted_by, read_grants
from pye2core.code.grants import MOST_ENTRIES, NO_GRANTS, Grants
from pye2core.code.rules import NETWORK_MODULES, NOTHING_MORE
from pye2core.errors import CodeRefused, SettingsError
from pye2core.messages.configuration import with_grants_of

EVERYTHING = {
    "network": True,
    "folders": ["/srv/pictures"],
    "folders_rw": ["/srv/results"],
    "devices": ["/dev/video0"],
    "modules": ["pandas", "scipy.stats"],
}

names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
folders = names.map(lambda name: f"/srv/{name}")
grants = st.builds(
    lambda **lists: read_grants({key: value for key, value in lists.items() if value}),
    network=st.booleans(),
    folders=st.lists(folders, max_size=3),
    folders_rw=st.lists(folders, max_size=3),
    devices=st.lists(names.map(lambda name: f"/dev/{name}"), max_size=3),
    modules=st.lists(names, max_size=3),
)


# --- reading --------------------------------------------------------------------------------------


def test_all_of_it_is_read_and_written_alike():
    assert read_grants(EVERYTHING).as_settings() == EVERYTHING


@given(grants)
def test_what_is_written_is_read_again(asked):
    assert read_grants(asked.as_settings()) == asked


@pytest.mark.parametrize("nothing", [None, {}, {"network": False, "folders": [], "modules": []}])
def test_nothing_is_nothing(nothing):
    assert read_grants(nothing) == NO_GRANTS
    assert not any(read_grants(nothing))


def test_an_order_and_a_slash_at_the_end_make_no_difference():
    one = read_grants({"folders": ["/srv/a/", "/srv/b", "/srv/a"]})

    assert one == read_grants({"folders": ["/srv/b", "/srv/a"]})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (True, "an object"),
        (["network"], "an object"),
        ({"netwrok": True}, "'netwrok'"),
        ({"network": 1}, "neither true nor false"),
        ({"network": "yes"}, "neither true nor false"),
        ({"folders": "/srv"}, "list of texts"),
        ({"folders": [1]}, "no text"),
        ({"folders": ["srv"]}, "absolute"),
        ({"folders": ["//srv"]}, "absolute"),
        ({"folders": ["/srv/../etc"]}, "plainly"),
        ({"folders": ["/srv/./a"]}, "plainly"),
        ({"folders": ["/srv\n"]}, "plainly"),
        ({"folders": ["/"]}, "cannot be granted"),
        ({"folders": ["/proc/self"]}, "cannot be granted"),
        ({"folders": ["/dev"]}, "cannot be granted"),
        ({"folders_rw": ["/work"]}, "cannot be granted"),
        ({"devices": ["/etc/passwd"]}, "below /dev"),
        ({"devices": ["/dev/../etc/passwd"]}, "plainly"),
        ({"modules": ["pandas; import os"]}, "no module's name"),
        ({"modules": [".hidden"]}, "no module's name"),
        ({"modules": ["unittest.__main__"]}, "run a program"),
        ({"modules": ["m"] * (MOST_ENTRIES + 1)}, "more than"),
        ({"modules": ["m" * 2000]}, "characters"),
    ],
)
def test_what_cannot_be_understood_is_refused(value, says):
    with pytest.raises(ValueError, match=says):
        read_grants(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(Grants._fields), inner),
    )
)
def test_whatever_is_given_is_grants_or_a_reason(value):
    assert outcome_of_reading(value)


def outcome_of_reading(value):
    try:
        return read_grants(value)
    except ValueError as error:
        return str(error)


# --- comparing ------------------------------------------------------------------------------------


@given(grants, grants)
def test_nothing_is_lacking_in_what_has_it_all(asked, more):
    assert not any(asked.lacking_in(asked.with_more(more)))


@given(grants)
def test_everything_is_lacking_where_nothing_is_granted(asked):
    assert asked.lacking_in(NO_GRANTS) == asked


@given(grants, grants)
def test_what_was_taken_away_is_lacking(granted, less):
    assert less.lacking_in(granted.with_more(less).without(less)) == less


def test_a_folder_to_write_may_be_read_and_not_the_other_way_round():
    reading, writing = Grants(folders=("/srv",)), Grants(folders_rw=("/srv",))

    assert not any(reading.lacking_in(writing))
    assert writing.lacking_in(reading) == writing


def test_a_folder_within_a_granted_one_is_not_granted():
    """A link that somebody put there could lead anywhere."""
    inner = Grants(folders=("/srv/a",))

    assert inner.lacking_in(Grants(folders=("/srv",), folders_rw=("/srv",))) == inner


def test_what_is_in_a_granted_module_is_granted_and_not_what_begins_like_it():
    granted = Grants(modules=("pandas",))

    assert not any(Grants(modules=("pandas.io.json",)).lacking_in(granted))
    assert any(Grants(modules=("pandasx",)).lacking_in(granted))
    assert any(granted.lacking_in(Grants(modules=("pandas.io",))))


def test_the_network_brings_its_modules():
    asked = Grants(modules=tuple(sorted(NETWORK_MODULES)))

    assert not any(asked.lacking_in(Grants(network=True)))


def test_what_to_run_can_be_pasted_into_a_shell():
    asked = read_grants({**EVERYTHING, "folders": ["/srv/my pictures; rm"]})

    assert asked.as_options() == (
        "--network --folder '/srv/my pictures; rm' --folder-rw /srv/results --device /dev/video0"
        " --module pandas --module scipy.stats"
    )


def test_options_name_no_module_that_is_granted_with_another():
    asked = Grants(modules=("PIL", "PIL.Image", "PILOT", "io.text", "io.text.fast"))

    assert asked.as_options() == "--module PIL --module PILOT --module io.text"
    assert not any(asked.lacking_in(Grants(modules=("PIL", "PILOT", "io.text"))))


# --- the check of code ----------------------------------------------------------------------------


def problems(source, asked):
    return check_source(source, parameters=("plugin",), permitted=permitted_by(asked))


@pytest.mark.parametrize(
    "line",
    [
        "import pandas",
        "import pandas as pd, pandas.io.json",
        "from pandas import DataFrame",
        "from pandas.io import json",
        "import scipy.stats",
        "from scipy import stats",
        "import urllib.request, socket, ssl",
        "file = open('/srv/results/a', 'w')",
    ],
)
def test_code_may_use_what_it_asks_for(line):
    assert problems(f"{line}\nreturn 1", EVERYTHING) == []
    assert problems(f"{line}\nreturn 1", None) != []


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "import scipy",
        "from scipy import optimize",
        "from . import pandas",
        "from .pandas import DataFrame",
        "import urllib",
        "import pandas, os",
        "eval('1')",
        "x = ().__class__",
        "__import__('pandas')",
    ],
)
def test_it_may_use_nothing_else(line):
    assert problems(f"{line}\nreturn 1", EVERYTHING) != []


def test_modules_alone_open_no_files():
    assert problems("return open('x')", {"modules": ["pandas"], "network": True}) != []


def test_a_refused_import_says_how_to_ask():
    (pandas,) = problems("import pandas\nreturn 1", None)
    (fetching,) = problems("import urllib.request\nreturn 1", None)

    assert 'grants={"modules": ["pandas"]}' in pandas.message
    assert 'grants={"network": True}' in fetching.message


def test_a_function_is_checked_by_what_it_asks_for():
    captured = CapturedCode("import pandas\nreturn 1", "job", None, 1, ("plugin",))

    check_function(captured, permitted_by({"modules": ["pandas"]}))
    with pytest.raises(CodeRefused):
        check_function(captured)


def test_a_wish_that_cannot_be_understood_is_an_error_before_anything_is_sent():
    with pytest.raises(SettingsError, match="netwrok"):
        permitted_by({"netwrok": True})


@pytest.mark.parametrize(
    ("known", "given", "both"),
    [
        ({}, {"n": 1}, {"n": 1}),
        ({"GRANTS": {"network": True}}, {"n": 1}, {"n": 1, "grants": {"network": True}}),
        ({"GRANTS": {"network": True}}, {"Grants": None}, {"Grants": None}),
    ],
)
def test_what_an_instance_asked_for_before_counts_unless_something_else_is_said(known, given, both):
    assert with_grants_of(known, given) == both


def test_who_asks_for_nothing_is_permitted_nothing():
    assert permitted_by(None) == NOTHING_MORE
