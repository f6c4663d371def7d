"""What a job's client signs for its workers, and when it signs anew."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pye2_chain_job.client import ChainJobInstance
from pye2core.client.delegating import with_delegation
from pye2core.clock import ManualClock
from pye2core.code import Grants, digest, encode
from pye2core.delegations import read_delegation, require_signed
from pye2core.errors import SettingsError
from pye2core.identity import Identity
from pye2core.messages.configuration import DELEGATION
from pye2core.messages.digests import digest_of

CLIENT = Identity.from_words(["client"])
MAIN = Identity.from_words(["main node"]).address


def job(code: str = "return 1", **more: Any) -> dict[str, Any]:
    return {"CUSTOM_CODE_REMOTE_NODE": encode(code), "NODE_PLUGIN_CONFIG": {}, **more}


def signed(settings: dict[str, Any], before: dict[str, Any] | None = None) -> Any:
    session = SimpleNamespace(clock=ManualClock(), commands=SimpleNamespace(identity=CLIENT))
    pipeline: Any = SimpleNamespace(name="job", node_addr=MAIN, session=session)
    return with_delegation(pipeline, ChainJobInstance, settings, before).get(DELEGATION)


def test_it_covers_the_workers_code_their_signature_and_what_they_ask_for() -> None:
    config = {"grants": {"modules": ["pandas"]}}

    delegation = read_delegation(
        signed(job(NODE_PLUGIN_CONFIG=config, NODE_PLUGIN_SIGNATURE="rest_custom_exec_01"))
    )

    require_signed(delegation)
    assert (delegation.client, delegation.main_node, delegation.job) == (
        CLIENT.address,
        MAIN,
        "job",
    )
    assert delegation.signatures == ("REST_CUSTOM_EXEC_01",)
    assert delegation.code == (digest("return 1"),)
    assert delegation.grants == Grants(modules=("pandas",)).as_settings()


def test_code_among_the_workers_settings_is_covered_too() -> None:
    delegation = read_delegation(signed(job(NODE_PLUGIN_CONFIG={"code": encode("return 2")})))

    assert set(delegation.code) == {digest("return 1"), digest("return 2")}


def test_a_job_that_changes_in_something_else_keeps_what_was_signed() -> None:
    before = job(**{DELEGATION: "as before"})

    assert signed({**before, "NODE_TIMEOUT": 5}, before) == "as before"


@pytest.mark.parametrize(
    "change",
    [
        {"CUSTOM_CODE_REMOTE_NODE": encode("return 2")},
        {"NODE_PLUGIN_CONFIG": {"GRANTS": {"network": True}}},
        {"NODE_SIGNATURE": "REST_CUSTOM_EXEC_01"},
        {"DELEGATION_DAYS": 30},
    ],
    ids=lambda change: next(iter(change)),
)
def test_it_is_signed_anew_when_what_is_delegated_changes(change: dict[str, Any]) -> None:
    before = job(**{DELEGATION: "as before"})

    assert signed({**before, **change}, before) != "as before"


def test_code_that_somebody_else_sent_is_not_signed_unseen() -> None:
    before = job(CUSTOM_CODE_REMOTE_NODE=digest_of("theirs"), **{DELEGATION: "theirs"})

    assert signed({**before, "NODE_PLUGIN_CONFIG": {"GRANTS": {"network": True}}}, before) == (
        "theirs"
    )
    assert signed({"CUSTOM_CODE_REMOTE_NODE": digest_of("theirs")}) is None


@pytest.mark.parametrize("days", [0, -1, 32, "7", True, float("nan")])
def test_for_how_long_is_checked_before_anything_is_sent(days: Any) -> None:
    with pytest.raises(SettingsError, match="delegation_days"):
        signed(job(DELEGATION_DAYS=days))


def test_it_may_be_good_for_as_long_as_any() -> None:
    delegation = read_delegation(signed(job(DELEGATION_DAYS=31)))

    assert (delegation.not_after - delegation.not_before).days == 31
