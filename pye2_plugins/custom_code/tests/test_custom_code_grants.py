"""Code is checked at the client by what its instance asks for."""

from __future__ import annotations

from typing import Any

import pytest

from pye2_custom_code.client import CustomExecInstance
from pye2_custom_code.rest_client import RestCustomExecInstance
from pye2core.code import decode
from pye2core.errors import CodeRefused, SettingsError

ASKED = {"modules": ["fractions"]}


def third(plugin: Any) -> str:
    from fractions import Fraction

    return str(Fraction(1, 3))


def test_code_is_sent_with_what_it_asks_for() -> None:
    settings = CustomExecInstance.settings_from(custom_code=third, grants=ASKED)

    assert settings["GRANTS"] == ASKED
    assert "from fractions import Fraction" in decode(settings["CODE"])


def test_the_name_may_be_written_as_in_the_configuration() -> None:
    assert CustomExecInstance.settings_from(custom_code=third, GRANTS=ASKED)["GRANTS"] == ASKED


def test_code_that_does_not_ask_is_refused() -> None:
    with pytest.raises(CodeRefused, match=r'grants={"modules": \["fractions"\]}'):
        CustomExecInstance.settings_from(custom_code=third)


def test_code_that_asks_for_something_else_is_refused() -> None:
    with pytest.raises(CodeRefused):
        CustomExecInstance.settings_from(custom_code=third, grants={"network": True})


def test_a_wish_that_cannot_be_understood_is_an_error() -> None:
    with pytest.raises(SettingsError, match="netwrok"):
        CustomExecInstance.settings_from(custom_code=third, grants={"netwrok": True})


def test_code_that_is_waited_for_asks_in_its_configuration() -> None:
    settings = RestCustomExecInstance.settings_for(third, {"GRANTS": ASKED}, has_input=False)

    assert settings["GRANTS"] == ASKED
    with pytest.raises(CodeRefused):
        RestCustomExecInstance.settings_for(third, {}, has_input=False)
