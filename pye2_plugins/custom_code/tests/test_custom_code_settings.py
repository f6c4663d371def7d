"""Settings as they come from the wire: whatever they are, they are read, or refused and why."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_custom_code.failures import failure_fields, failure_from
from pye2_custom_code.settings import (
    CustomExecSettings,
    RestCustomExecSettings,
    checked,
    code_request,
)
from pye2core.abc import CodeFailure
from pye2core.code import encode
from pye2core.errors import CodeError, InvalidConfiguration
from pye2core.messages import InstancePath

PATH = InstancePath("pipe", "CUSTOM_EXEC_01", "inst")

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
keys = st.sampled_from(
    ["CODE", "PROCESS_DELAY", "RESULT_KEY", "ERROR_KEY", "EXEC_TIMEOUT", "SEND_MANIFEST_EACH"]
)


@given(st.dictionaries(keys | st.text(), anything))
def test_whatever_is_sent_is_read_or_refused(settings: dict[str, object]) -> None:
    with suppress(InvalidConfiguration, CodeError):
        read = checked(CustomExecSettings, settings, PATH)
        assert read.process_delay >= 0
        assert read.exec_timeout > 0


@given(st.dictionaries(st.sampled_from(["REQUEST", "PROCESS_DELAY", "WARNING_KEY"]), anything))
def test_whatever_request_is_sent_is_read_or_refused(settings: dict[str, object]) -> None:
    with suppress(InvalidConfiguration):
        read = checked(RestCustomExecSettings, settings, PATH)
        with suppress(CodeError):
            assert read.request is None or read.request.source


@given(anything, anything)
def test_requests_are_told_apart_by_their_value(first: object, second: object) -> None:
    digests = {
        digest.digest
        for each in (first, second)
        if (digest := code_request({"DATA": each})) is not None
    }
    assert len(digests) == len({json.dumps(each, sort_keys=True) for each in (first, second)})


def test_what_is_not_set_of_a_request_is_as_in_pye2() -> None:
    assert checked(RestCustomExecSettings, {}, PATH) == RestCustomExecSettings(
        request=None,
        process_delay=1.0,
        result_key="EXEC_RESULT",
        error_key="EXEC_ERRORS",
        warning_key="EXEC_WARNING",
        exec_timeout=60.0,
    )


def test_what_is_not_set_is_as_in_pye2() -> None:
    read = checked(CustomExecSettings, {"CODE": encode("return 1"), "PROCESS_DELAY": None}, PATH)
    assert read == CustomExecSettings(
        code="return 1",
        process_delay=0.05,
        result_key="EXEC_RESULT",
        error_key="EXEC_ERRORS",
        warning_key="EXEC_WARNING",
        exec_timeout=60.0,
        error_delay=10.0,
        send_manifest_each=300.0,
    )


@pytest.mark.parametrize("value", [True, "1", -1, float("nan"), float("inf"), [1]])
def test_a_delay_that_is_no_number_of_seconds_is_refused(value: object) -> None:
    settings = {"CODE": encode("return 1"), "PROCESS_DELAY": value}
    with pytest.raises(InvalidConfiguration, match="PROCESS_DELAY must be a number of seconds"):
        checked(CustomExecSettings, settings, PATH)


def test_a_refusal_names_the_instance() -> None:
    with pytest.raises(InvalidConfiguration, match=r"'inst' \(CUSTOM_EXEC_01\) of pipeline 'pipe'"):
        checked(CustomExecSettings, {}, PATH)


@given(
    st.builds(
        CodeFailure,
        type=st.text(),
        message=st.text(),
        line=st.none() | st.integers(),
        source_line=st.none() | st.text(),
        traceback=st.text(),
        function=st.text(),
    )
)
def test_a_failure_is_the_same_after_its_journey(failure: CodeFailure) -> None:
    assert failure_from(failure_fields(failure)) == failure


@given(anything | st.dictionaries(st.sampled_from(["TYPE", "MESSAGE", "LINE"]), anything))
def test_whatever_is_said_of_a_failure_is_read_or_ignored(said: object) -> None:
    failure = failure_from(said)
    assert failure is None or str(failure)
