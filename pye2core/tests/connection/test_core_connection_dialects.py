"""The dialects that plugins offer, made for clients and nodes; one that breaks costs itself."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from attrs import frozen

from pye2core import SerializerDescriptor, hookimpl
from pye2core.abc import SealedMessage, Serializer
from pye2core.clock import ManualClock
from pye2core.connection import Dialects
from pye2core.errors import MessageRejected, PluginBroken, SettingsError
from pye2core.plugins import Candidate, PluginRegistry

if TYPE_CHECKING:
    from pye2core.identity import Identity
    from pye2core.messages import Message


@frozen
class Settings:
    beats: int = 3


class NoSettings:
    """No attrs class."""


class Dialect(Serializer):
    """Keeps what it was made with, and rejects all."""

    def __init__(self, **given: object) -> None:
        self.given = given

    def recognises(self, data: bytes) -> bool:
        return True

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        raise NotImplementedError

    def parse(self, data: bytes) -> SealedMessage:
        raise MessageRejected("read, and found wanting", reason="unsupported")


class Deaf(Dialect):
    """Recognises nothing."""

    def recognises(self, data: bytes) -> bool:
        return False


class Panicking(Dialect):
    """Breaks the promise that recognising never raises."""

    def recognises(self, data: bytes) -> bool:
        raise ValueError("no moon tonight")


class Raising(Dialect):
    def __init__(self, **given: object) -> None:
        raise ValueError("no moon tonight")


class Refusing(Dialect):
    def __init__(self, **given: object) -> None:
        raise SettingsError("a setting is wrong", setting="PYE2_X_Y")


class Unfinished(Serializer):
    """Lacks all that a serializer has to do."""


class Foreign:
    """No serializer at all."""

    def __init__(self, **given: object) -> None: ...


class Offering(Protocol):
    def __call__(
        self, *classes: str, settings: str | None = None, has_expiry: bool = False
    ) -> PluginRegistry: ...


@pytest.fixture
def offering(monkeypatch: pytest.MonkeyPatch) -> Offering:
    """A registry of one plugin, ``night``, with dialects of this module, the weakest first."""

    def make(
        *classes: str, settings: str | None = None, has_expiry: bool = False
    ) -> PluginRegistry:
        offered = [
            SerializerDescriptor(
                each.lower(),
                f"{__name__}:{each}",
                strength=strength,
                settings=settings and f"{__name__}:{settings}",
                has_expiry=has_expiry,
            )
            for strength, each in enumerate(classes)
        ]

        @hookimpl
        def pye2_register_serializers() -> list[SerializerDescriptor]:
            return offered

        module = ModuleType("core_dialects_of_the_night")
        vars(module)["pye2_register_serializers"] = pye2_register_serializers
        monkeypatch.setitem(sys.modules, module.__name__, module)
        point = EntryPoint("night", module.__name__, "pye2")
        return PluginRegistry([Candidate(point, "night-dist", "1.0")])

    return make


# --- what a dialect is given ----------------------------------------------------------------------


@pytest.mark.parametrize("name", [{}, {"node_name": "attic"}])
def test_a_dialect_is_given_the_nodes_name_and_its_own_settings_and_nothing_else(
    offering: Offering, name: dict[str, Any]
) -> None:
    with_settings = Dialects.installed(
        offering("Dialect", settings="Settings"), environment={"PYE2_NIGHT_BEATS": "7"}, **name
    )
    without = Dialects.installed(offering("Dialect"), environment={}, **name)

    assert with_settings.for_peer(None).given == {**name, "settings": Settings(7)}  # type: ignore[attr-defined]  # ours
    assert without.for_peer(None).given == name  # type: ignore[attr-defined]  # ours


@pytest.mark.parametrize("has_expiry", [True, False])
def test_a_dialect_is_given_the_clock_where_messages_expire_in_it(
    offering: Offering,
    has_expiry: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    clock = ManualClock()

    dialects = Dialects.installed(offering("Dialect", has_expiry=has_expiry), clock=clock)

    given = {"clock": clock} if has_expiry else {}
    assert dialects.for_peer(None).given == given  # type: ignore[attr-defined]  # ours


# --- a dialect that is broken ---------------------------------------------------------------------

BROKEN = ["Missing", "Raising", "Unfinished", "Foreign"]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_dialect_costs_only_itself_and_is_warned_of(
    offering: Offering, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    dialects = Dialects.installed(offering(broken, "Dialect"))

    assert isinstance(dialects.for_peer(None), Dialect)
    (warning,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert repr(broken.lower()) in warning.getMessage()
    assert "'night'" in warning.getMessage()


@pytest.mark.parametrize("broken", BROKEN)
def test_where_it_is_the_only_one_the_error_names_its_plugin(
    offering: Offering, broken: str
) -> None:
    with pytest.raises(PluginBroken, match="night-dist") as caught:
        Dialects.installed(offering(broken))

    assert (caught.value.plugin, caught.value.phase) == ("night", "use")


def test_settings_that_cannot_be_made_are_a_defect_of_the_plugin(offering: Offering) -> None:
    with pytest.raises(PluginBroken, match="NoSettings"):
        Dialects.installed(offering("Dialect", settings="NoSettings"))


def test_a_setting_that_is_wrong_is_the_users_to_mend(offering: Offering) -> None:
    with pytest.raises(SettingsError):
        Dialects.installed(offering("Refusing", "Dialect"))


def test_a_message_that_nobody_recognises_may_be_of_the_broken_dialect_and_its_plugin(
    offering: Offering,
) -> None:
    dialects = Dialects.installed(offering("Raising", "Deaf"))

    with pytest.raises(MessageRejected, match=r"'raising' of the plugin night") as caught:
        dialects.parse(b"hello")

    assert caught.value.reason == "shape"


def test_a_dialect_that_raises_where_it_may_not_costs_no_other_its_messages(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dialects = Dialects([Panicking(), Dialect()])

    for _ in range(2):
        with pytest.raises(MessageRejected) as caught:
            dialects.parse(b"hello")
        assert caught.value.reason == "unsupported"

    (told,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "Panicking" in told.getMessage()
