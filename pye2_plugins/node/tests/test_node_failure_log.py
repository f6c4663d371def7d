"""What a node's own log says of instances that fail."""

import logging

import pytest

from pye2_node.failure_log import TOLD_EVERY, FailureLog
from pye2core.messages import InstancePath, Notification, NotificationKind, Requester

PATH = InstancePath("p", "CUSTOM_EXEC_01", "i")
TRACEBACK = (
    'Traceback (most recent call last):\n  File "<code>", line 1\nZeroDivisionError: by zero'
)


def failure(path=PATH, text="ZeroDivisionError: by zero", info=TRACEBACK):
    return Notification(NotificationKind.EXCEPTION, text, path=path, info=info)


@pytest.fixture
def log(clock):
    return FailureLog(clock)


@pytest.fixture
def lines(caplog):
    """What was logged; by default as a node's log is kept."""
    caplog.set_level(logging.WARNING, "pye2_node")
    return lambda: [record.getMessage() for record in caplog.records]


def test_an_instance_that_fails_in_each_run_is_one_line(log, lines):
    for _ in range(50):
        log.note(failure())

    assert lines() == [
        "instance p:CUSTOM_EXEC_01:i: ZeroDivisionError: by zero; --verbose shows each in full"
    ]


def test_that_it_keeps_failing_is_told_again_after_a_while_and_how_often_it_did(log, lines, clock):
    for _ in range(50):
        log.note(failure())
    clock.advance(TOLD_EVERY)
    log.note(failure())

    assert len(lines()) == 2
    assert "(50 failures since the last line)" in lines()[1]


@pytest.mark.parametrize(
    ("requester", "whose"),
    [
        (Requester("0xai_a", "laptop"), "a command of laptop"),
        (Requester("0xai_a"), "a command of 0xai_a"),
        (Requester(), "a command of somebody"),
    ],
)
def test_a_command_that_names_no_pipeline_is_told_by_who_gave_it(log, lines, requester, whose):
    said = Notification(NotificationKind.EXCEPTION, "cannot decrypt it", requester=requester)

    log.note(said)

    assert lines() == [f"{whose}: cannot decrypt it; --verbose shows each in full"]


def test_each_instance_has_its_own_line(log, lines):
    for name in ("i", "j"):
        log.note(failure(InstancePath("p", "CUSTOM_EXEC_01", name)))

    assert len(lines()) == 2


def test_verbosely_each_failure_is_told_with_its_traceback(log, lines, caplog):
    caplog.set_level(logging.INFO, "pye2_node")

    log.note(failure())
    log.note(failure())

    told = (
        "instance p:CUSTOM_EXEC_01:i: ZeroDivisionError: by zero\n"
        "    Traceback (most recent call last):\n"
        '      File "<code>", line 1\n'
        "    ZeroDivisionError: by zero"
    )
    assert lines() == [told, told]


def test_what_is_no_failure_is_no_line(log, lines, caplog):
    caplog.set_level(logging.DEBUG, "pye2_node")

    log.note(Notification(NotificationKind.NORMAL, "all is well", path=PATH))

    assert lines() == []


def test_code_cannot_write_lines_of_its_own_nor_command_the_terminal(log, lines, caplog):
    caplog.set_level(logging.INFO, "pye2_node")

    log.note(failure(text="x\n2026 ERROR forged", info="\x1b[2J\r\nforged\x85forged"))

    (told,) = lines()
    assert told.splitlines()[0] == "instance p:CUSTOM_EXEC_01:i: x?2026 ERROR forged"
    assert all(line.startswith("    ") for line in told.splitlines()[1:])
    assert "\x1b" not in told


def test_more_instances_than_are_remembered_cost_no_more_memory(log):
    for number in range(3000):
        log.note(failure(InstancePath("p", "S", str(number))))

    assert len(log._failing) <= 1000
