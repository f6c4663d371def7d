"""A plugin's own settings, as an attrs class."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import attrs
import pytest
from attrs import field, frozen, validators
from hypothesis import given
from hypothesis import strategies as st

from pye2core.errors import SettingsError
from pye2core.settings.plugin import load_plugin_settings, plugin_settings
from pye2core.settings.unknown import refuse_unknown_variables


class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


@frozen
class Settings:
    keepalive: int = field(default=60, validator=validators.ge(1), metadata={"help": "seconds"})
    ratio: float = 0.5
    eager: bool = False
    title: str | None = None
    folder: Path = Path()
    mood: Mood = Mood.CALM
    names: tuple[str, ...] = ()
    table: dict[str, int] = field(factory=dict)
    token: int = field(default=0, metadata={"secret": True})


@frozen
class Guard:
    lets_in: bool = field(default=True, metadata={"opposite": "keeps_out"})


@frozen
class Required:
    url: str


def load(environment=None, **arguments):
    return load_plugin_settings("my-plug", Settings, arguments, environment or {})


def test_without_anything_the_defaults_hold():
    assert load() == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("KEEPALIVE", "5", "keepalive", 5),
        ("RATIO", "1e-3", "ratio", 0.001),
        ("EAGER", "true", "eager", True),
        ("EAGER", "off", "eager", False),
        ("TITLE", "5", "title", "5"),
        ("FOLDER", "/srv/x", "folder", Path("/srv/x")),
        ("MOOD", "wild", "mood", Mood.WILD),
        ("NAMES", "a, b,c", "names", ("a", "b", "c")),
        ("NAMES", '["a, b"]', "names", ("a, b",)),
        ("TABLE", '{"a": 1}', "table", {"a": 1}),
    ],
)
def test_a_variable_is_read_as_its_fields_type(variable, text, name, value):
    assert getattr(load({f"PYE2_MY_PLUG_{variable}": text}), name) == value


def test_an_argument_wins_over_the_variable():
    assert load({"PYE2_MY_PLUG_KEEPALIVE": "5"}, keepalive=6).keepalive == 6


def test_an_empty_variable_counts_as_not_given():
    assert load({"PYE2_MY_PLUG_KEEPALIVE": ""}).keepalive == 60


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("KEEPALIVE", "soon", "int"),
        ("RATIO", "half", "float"),
        ("EAGER", "maybe", "bool"),
        ("MOOD", "grumpy", "one of 'calm', 'wild'"),
        ("TABLE", "not json", "dict"),
    ],
)
def test_a_value_of_another_type_is_named_with_what_is_expected(variable, text, expected):
    name = f"PYE2_MY_PLUG_{variable}"

    with pytest.raises(SettingsError, match=f"{name} is '{text}' and should be .*{expected}") as e:
        load({name: text})

    assert e.value.setting == name


def test_a_secret_is_not_shown_anywhere_in_the_error():
    with pytest.raises(SettingsError, match=r"not shown") as caught:
        load({"PYE2_MY_PLUG_TOKEN": "hush-hush"})

    assert "hush-hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_fraction_is_not_cut_to_a_whole_number():
    with pytest.raises(SettingsError, match=r"keepalive is 2.7"):
        load(keepalive=2.7)


def test_what_the_class_refuses_is_named_by_its_variable():
    with pytest.raises(SettingsError, match=r"PYE2_MY_PLUG_KEEPALIVE cannot be used: .*>= 1"):
        load({"PYE2_MY_PLUG_KEEPALIVE": "0"})


def test_a_secret_that_the_class_refuses_is_not_shown() -> None:
    @frozen
    class Guarded:
        token: str = field(default="x", metadata={"secret": True}, validator=validators.max_len(5))

    with pytest.raises(SettingsError, match=r"PYE2_X_TOKEN .*not shown") as caught:
        load_plugin_settings("x", Guarded, environment={"PYE2_X_TOKEN": "hush-hush"})

    assert "hush-hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_value_is_asked_for_by_its_variable():
    with pytest.raises(SettingsError, match=r"needs url .str.: set PYE2_X_URL") as caught:
        load_plugin_settings("x", Required, environment={})

    assert caught.value.setting == "PYE2_X_URL"


def test_an_unknown_argument_is_refused_with_those_that_exist():
    with pytest.raises(SettingsError, match=r"no setting 'keepalove'; it has: keepalive, ratio"):
        load(keepalove=1)


def test_settings_can_be_listed_for_people():
    listed = {each.name: each for each in plugin_settings("my-plug", Settings)}

    assert listed["keepalive"].variable == "PYE2_MY_PLUG_KEEPALIVE"
    assert (listed["keepalive"].default, listed["keepalive"].help) == (60, "seconds")
    assert listed["token"].secret
    assert listed["title"].type_name == "str | None"
    assert plugin_settings("x", Required)[0].default is attrs.NOTHING


def test_the_environment_and_the_dotenv_file_are_read_unless_others_are_given(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PYE2_MY_PLUG_KEEPALIVE=7\n")
    monkeypatch.setenv("PYE2_MY_PLUG_TITLE", "set")

    found = load_plugin_settings("my-plug", Settings)

    assert (found.keepalive, found.title) == (7, "set")


@pytest.mark.parametrize(
    ("variables", "lets_in"),
    [
        ({"PYE2_X_KEEPS_OUT": "1"}, False),
        ({"PYE2_X_KEEPS_OUT": "no"}, True),
        ({"PYE2_X_LETS_IN": "false"}, False),
        ({"PYE2_X_LETS_IN": "false", "PYE2_X_KEEPS_OUT": "true"}, False),
    ],
)
def test_a_setting_may_have_a_variable_that_means_the_opposite(variables, lets_in):
    assert load_plugin_settings("x", Guard, environment=variables) == Guard(lets_in)


def test_variables_that_contradict_each_other_are_refused():
    both = {"PYE2_X_LETS_IN": "1", "PYE2_X_KEEPS_OUT": "1"}

    with pytest.raises(SettingsError, match=r"LETS_IN=1 and PYE2_X_KEEPS_OUT=1 contradict"):
        load_plugin_settings("x", Guard, environment=both)


def check(variables, **others):
    refuse_unknown_variables("my-plug", plugin_settings("my-plug", Settings), variables, **others)


def test_a_misspelt_variable_is_refused_with_the_right_one():
    with pytest.raises(SettingsError, match=r"did you mean PYE2_MY_PLUG_KEEPALIVE\?") as caught:
        check({"PYE2_MY_PLUG_KEEPALIVE": "5", "PYE2_MY_PLUG_KEEPALVE": "5"})

    assert caught.value.setting == "PYE2_MY_PLUG_KEEPALVE"


def test_a_variable_like_no_other_is_refused_with_those_that_exist():
    with pytest.raises(SettingsError, match=r"it has PYE2_MY_PLUG_KEEPALIVE, PYE2_MY_PLUG_RATIO"):
        check({"PYE2_MY_PLUG_XYZZY": "5"})


def test_what_may_be_anothers_variable_is_passed_over():
    check({"PYE2_MY_PLUGGED": "1", "PYE2_MY": "1", "MY_PLUG_X": "1"})
    check({"PYE2_MY_PLUG_MORE_X": "1"}, plugins=["my-plug", "my-plug-more"])
    check({"PYE2_MY_PLUG_X": "1"}, elsewhere=["PYE2_MY_PLUG_X"])
    refuse_unknown_variables("root", [], {"PYE2_ROOT_TOPIC": "here"})


@given(value=st.integers(min_value=1))
def test_every_number_survives_its_text(value):
    assert load({"PYE2_MY_PLUG_KEEPALIVE": str(value)}).keepalive == value


@given(text=st.text(), name=st.sampled_from([f.name for f in attrs.fields(Settings)]))
def test_whatever_a_variable_holds_the_answer_is_settings_or_a_settings_error(text, name):
    try:
        found = load({f"PYE2_MY_PLUG_{name.upper()}": text})
    except SettingsError:
        return
    assert isinstance(found, Settings)
