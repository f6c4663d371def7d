"""What a session hears, and what it says as soon as it does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

from pye2core.client.ears import Ears
from pye2core.errors import NotConnected

if TYPE_CHECKING:
    import pytest

ADDRESS = "0xai_A8BSpxws6uZykCw7NkVuzX5DwACa1Z6ZD2KCtroBWbOK"


def settle(call_roll: Any, *, is_heard: bool) -> None:
    """Have the connection say whether the inbox is heard, as the broker's rules have it."""
    connection = Mock()
    connection.is_forbidden.return_value = not is_heard
    Ears(connection, Mock(), address=ADDRESS, call_roll=call_roll).open()
    _, on_settled = connection.prove.call_args.args
    on_settled(is_heard)


def test_the_roll_is_called_as_soon_as_the_inbox_is_heard() -> None:
    call_roll = Mock()

    settle(call_roll, is_heard=True)

    call_roll.assert_called_once_with()


def test_the_roll_is_not_called_where_the_broker_forbids_the_inbox() -> None:
    call_roll = Mock()

    settle(call_roll, is_heard=False)

    call_roll.assert_not_called()


def test_a_session_that_was_closed_meanwhile_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = NotConnected("the connection is closed", broker="mqtt://broker.lan")

    settle(Mock(side_effect=closed), is_heard=True)

    assert not [each for each in caplog.records if each.levelno > logging.INFO]
