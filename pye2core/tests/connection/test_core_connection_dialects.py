"""The dialects that plugins offer, made for a client and for a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pye2core import SerializerDescriptor
from pye2core.connection import Dialects

if TYPE_CHECKING:
    from collections.abc import Mapping

WITH_SETTINGS = SerializerDescriptor("a", "nowhere:Dialect", settings="nowhere:Settings")
WITHOUT = SerializerDescriptor("b", "nowhere:Dialect")


class Registry:
    """Plugins that offer two dialects; each is what it was made with."""

    def serializers(self) -> list[SerializerDescriptor]:
        return [WITH_SETTINGS, WITHOUT]

    def settings_of(
        self, descriptor: SerializerDescriptor, environment: Mapping[str, str] | None
    ) -> object:
        return environment if descriptor.settings else None

    def load(self, descriptor: SerializerDescriptor, import_string: str) -> type[dict[str, Any]]:
        return dict


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, [{"settings": {"X": "1"}}, {}]),
        (
            {"node_name": "attic"},
            [{"node_name": "attic", "settings": {"X": "1"}}, {"node_name": "attic"}],
        ),
    ],
)
def test_a_dialect_is_given_the_nodes_name_and_its_own_settings_and_nothing_else(
    given: dict[str, Any], made: list[dict[str, Any]]
) -> None:
    dialects = Dialects.installed(Registry(), environment={"X": "1"}, **given)  # type: ignore[arg-type]  # a stand-in

    assert list(dialects._serializers) == made
