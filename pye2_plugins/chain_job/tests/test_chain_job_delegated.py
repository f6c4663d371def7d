"""What a job's client signs for its workers."""

from __future__ import annotations

from typing import Any

import pytest

from pye2_chain_job.client import ChainJobInstance
from pye2core.code import Grants, digest, encode
from pye2core.delegations import DelegatedWork
from pye2core.errors import SettingsError
from pye2core.messages import digest_of


def work(code: Any = None, **more: Any) -> DelegatedWork | None:
    settings = {"CUSTOM_CODE_REMOTE_NODE": code or encode("return 1"), "NODE_PLUGIN_CONFIG": {}}
    return ChainJobInstance.delegated({**settings, **more})


def test_it_covers_the_workers_code_their_signature_and_what_they_ask_for() -> None:
    config = {"grants": {"modules": ["pandas"]}}

    delegated = work(NODE_PLUGIN_CONFIG=config, NODE_PLUGIN_SIGNATURE="rest_custom_exec_01")

    assert delegated == DelegatedWork(
        ("REST_CUSTOM_EXEC_01",), (digest("return 1"),), Grants(modules=("pandas",)), 7
    )


def test_code_among_the_workers_settings_is_covered_too() -> None:
    delegated = work(NODE_PLUGIN_CONFIG={"code": encode("return 2")})

    assert delegated is not None
    assert set(delegated.code) == {digest("return 1"), digest("return 2")}


def test_how_the_code_is_packed_and_what_workers_are_told_besides_is_not_part_of_it() -> None:
    assert work(NODE_PLUGIN_CONFIG={"UPTO": 5}, NODE_TIMEOUT=3) == work()


@pytest.mark.parametrize(
    "change",
    [
        {"code": encode("return 2")},
        {"NODE_PLUGIN_CONFIG": {"GRANTS": {"network": True}}},
        {"NODE_SIGNATURE": "REST_CUSTOM_EXEC_01"},
        {"DELEGATION_DAYS": 30},
    ],
    ids=lambda change: next(iter(change)),
)
def test_it_is_another_one_when_what_is_delegated_changes(change: dict[str, Any]) -> None:
    assert work(**change) != work()


def test_code_that_somebody_else_sent_is_not_signed_unseen() -> None:
    assert work(digest_of("theirs")) is None
    assert work(NODE_PLUGIN_CONFIG={"CODE": digest_of("theirs")}) is None


@pytest.mark.parametrize("days", [0, -1, 32, "7", True, float("nan")])
def test_for_how_long_is_checked_before_anything_is_sent(days: Any) -> None:
    with pytest.raises(SettingsError, match="delegation_days"):
        work(DELEGATION_DAYS=days)


def test_it_may_be_good_for_as_long_as_any() -> None:
    delegated = work(DELEGATION_DAYS=31)

    assert delegated is not None
    assert delegated.days == 31
