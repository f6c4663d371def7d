"""When a client signs what an instance's node may have others do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pye2core.client import Instance
from pye2core.client.delegating import with_delegation
from pye2core.clock import ManualClock
from pye2core.delegations import DelegatedWork, code_digest, read_delegation, require_signed
from pye2core.identity import Identity
from pye2core.messages import DELEGATION

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT = Identity.from_words(["client"])
MAIN = Identity.from_words(["main node"]).address


class HandsOn(Instance):
    """Has others run its setting ``CODE``, if it has one."""

    @classmethod
    def delegated(cls, settings: Mapping[str, Any]) -> DelegatedWork | None:
        code = settings.get("CODE")
        return None if code is None else DelegatedWork(("S",), (code_digest(code),))


def signed(
    settings: dict[str, Any], before: dict[str, Any] | None = None, kind: type[Instance] = HandsOn
) -> Any:
    session = SimpleNamespace(clock=ManualClock(), commands=SimpleNamespace(identity=CLIENT))
    pipeline: Any = SimpleNamespace(name="job", node_addr=MAIN, session=session)
    return with_delegation(pipeline, kind, settings, before).get(DELEGATION)


def test_it_is_signed_for_the_pipeline_and_its_node() -> None:
    delegation = read_delegation(signed({"CODE": "x"}))

    require_signed(delegation)
    assert (delegation.client, delegation.main_node, delegation.job) == (
        CLIENT.address,
        MAIN,
        "job",
    )
    assert delegation.not_before == ManualClock().now()


def test_an_instance_that_hands_nothing_on_needs_none() -> None:
    assert signed({"CODE": "x"}, kind=Instance) is None
    assert signed({"OTHER": 1}) is None


def test_a_change_of_something_else_leaves_what_was_signed() -> None:
    before = {"CODE": "x", DELEGATION: "as before"}

    assert signed({**before, "OTHER": 1}, before) == "as before"


def test_another_work_is_signed_anew() -> None:
    before = {"CODE": "x", DELEGATION: "as before"}

    assert signed({**before, "CODE": "y"}, before) != "as before"


def test_what_cannot_be_known_is_not_signed() -> None:
    before = {"CODE": "x", DELEGATION: "as before"}

    assert signed({DELEGATION: "as before"}, before) == "as before"
