"""Trying snippets on a node, some at a time, and looking afterwards at everything they could reach.

What a snippet says of itself proves nothing, and neither does one that was never run: an outcome is
``ran``, ``refused`` or ``failed``, and the evidence is what the witnesses have.
"""

from __future__ import annotations

import hashlib
import re
import threading
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, frozen
from escape_layers import CHECK
from escape_neighbours import NEIGHBOUR, Neighbours
from escape_tenants import INSTANCE, SIGNATURE
from escape_witnesses import told_by

from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import Pye2Error
from pye2core.messages import InstancePath

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from escape_arena import Arena
    from escape_corpus import Snippet

RAN: Final = "ran"
REFUSED: Final = "refused"
FAILED: Final = "failed"

_DEPLOY_SECONDS: Final = 20.0
_MARGIN: Final = 10.0
_SETTLE_SECONDS: Final = 8.0
_MIB: Final = 1024 * 1024
_MOST_GROWTH: Final = 150 * _MIB
_MOST_PEAK: Final = 1024 * _MIB
_MORE_DESCRIPTORS: Final = 16
_MOST_AT_ONCE: Final = 20
_LONGEST_NOTIFICATION: Final = 200_000
_FORGED: Final = re.compile(rf"^\S+ \S+ INFO pye2_node\.code: {NEIGHBOUR}:one: .*PWNED")
_TERMINAL_CODE: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_REFUSED_BY_CHECK: Final = "the custom code cannot run here"
_ENDED_WHILE_COMPILING: Final = (
    "the process that ran the custom code is gone",
    "the request to define took longer",
)
_UNCONFINED: Final = "could not be confined"

_NODES_BOOKS: Final = ("node.sqlite", "node.pem.dialects")
"""What the node itself writes while it works, with the journals that come and go beside it."""


@frozen
class Outcome:
    """What became of one snippet.

    Attributes:
        name: the snippet's.
        kind: what it tried.
        family: which twin it has.
        result: ran, refused or failed.
        detail: how it ended, in words.
        evidence: what it reached; empty if it was contained.
        value: what it returned.
        limits: the limits that notifications say it has hit, each with its value.
    """

    name: str
    kind: str
    family: str
    result: str
    detail: str
    evidence: tuple[str, ...] = ()
    value: Any = None
    limits: tuple[tuple[str, Any], ...] = ()

    @property
    def layer(self) -> str:
        """What ended it, as far as its own words tell."""
        if self.result == REFUSED:
            return CHECK
        return next((layer for words, layer in _TOLD_LAYERS if words in self.detail), "-")


_TOLD_LAYERS: Final = (
    ("CallTimedOut", "time limit"),
    ("took longer", "time limit"),
    ("MemoryError", "rlimits"),
    ("what no worker", "channel"),
    ("more than", "channel"),
    ("PermissionError", "os"),
    ("Operation not permitted", "os"),
    ("Permission denied", "os"),
    ("No such file", "os"),
    ("SandboxDied", "own process"),
)


@define
class _Attempt:
    """One snippet under way."""

    snippet: Snippet
    name: str
    outcome: Outcome


class Trials:
    """Tries snippets on one arena's node."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._number = 0
        self._neighbours = Neighbours(arena)
        self._settle_in()

    def run(self, snippets: Sequence[Snippet], *, at_once: int = 8) -> list[Outcome]:
        """Try all of them, some at a time; what nobody owns up to is tried again one by one."""
        outcomes = []
        for start in range(0, len(snippets), at_once):
            outcomes += self._run_group(snippets[start : start + at_once])
        return outcomes

    def _run_group(self, group: Sequence[Snippet]) -> list[Outcome]:
        outcomes, traces = self._try_group(group)
        if not traces:
            return outcomes
        self._settle_in_again()
        if len(group) == 1:
            return [_blamed(outcomes[0], traces)]
        alone = [outcome for each in group for outcome in self._run_group([each])]
        if any(each.evidence for each in alone):
            return alone
        return [_blamed(each, [f"together with others: {one}" for one in traces]) for each in alone]

    # --- one group --------------------------------------------------------------------------------

    def _try_group(self, group: Sequence[Snippet]) -> tuple[list[Outcome], list[str]]:
        """The outcomes of these, and traces of which nobody knows whose they are."""
        self._arena.household.begin()
        attempts = [self._begin(each) for each in group]
        for attempt in attempts:
            self._hear_out(attempt)
        for attempt in attempts:
            self._collect(attempt)
        for attempt in attempts:
            self._arena.attacker.close(attempt.name)
        traces = self._traces() + self._crowd(len(group))
        for attempt in attempts:
            self._add_evidence(attempt)
        self._arena.attacker.ears.forget()
        self._arena.tenant.ears.forget()
        return [attempt.outcome for attempt in attempts], traces

    def _begin(self, snippet: Snippet) -> _Attempt:
        """Send the source straight, as a client would that checks nothing."""
        self._number += 1
        name = f"t{self._number}-{snippet.name}"[:60]
        arena = self._arena
        path = InstancePath(name, SIGNATURE, INSTANCE)
        source = snippet.source(arena.places(snippet.name, path))
        outcome = Outcome(snippet.name, snippet.kind, snippet.family, RAN, "")
        try:
            settings = _once(snippet.seconds) | {"PROCESS_DELAY": snippet.delay}
            arena.attacker.deploy(arena.node, name, source, _DEPLOY_SECONDS, **settings)
        except Pye2Error as error:
            outcome = _not_deployed(outcome, getattr(error, "reason", str(error)))
        return _Attempt(snippet, name, outcome)

    def _hear_out(self, attempt: _Attempt) -> None:
        """Wait for what came of it."""
        if attempt.outcome.result != RAN or attempt.outcome.detail:
            return
        heard = self._arena.attacker.end_of(attempt.name, attempt.snippet.seconds + _MARGIN)
        was_forbidden = heard is not None and "not permitted" in heard.text
        if "limit" in attempt.snippet.headers and not was_forbidden:
            self._arena.attacker.ears.wait(
                lambda each: each.pipeline == attempt.name and "LIMIT" in each.fields, _MARGIN
            )
        if heard is None:
            attempt.outcome = self._without_a_result(attempt)
            return
        said = heard.fields.get("EXEC_ERRORS") or f"returned {heard.fields.get('EXEC_RESULT')}"
        attempt.outcome = evolve(
            attempt.outcome, detail=str(said)[:400], value=heard.fields.get("EXEC_RESULT")
        )

    def _without_a_result(self, attempt: _Attempt) -> Outcome:
        """Of one whose end no payload told: a notification may."""
        notifications = self._arena.attacker.ears.of(attempt.name, "notification")
        told = [each.fields for each in notifications if each.is_exception]
        if not told:
            return evolve(attempt.outcome, result=FAILED, detail="nothing was heard of it")
        return evolve(attempt.outcome, detail=f"no result: {told[-1].get('NOTIFICATION')}"[:400])

    def _collect(self, attempt: _Attempt) -> None:
        """Let the tenant look into the mailbox that the snippet has planted something in."""
        if not attempt.snippet.has_collector or attempt.outcome.result != RAN:
            return
        arena, name = self._arena, f"c{attempt.name}"
        path = InstancePath(name, SIGNATURE, INSTANCE)
        source = attempt.snippet.source(arena.places(attempt.snippet.name, path), "collect")
        try:
            arena.tenant.deploy(arena.node, name, source, _DEPLOY_SECONDS, **_once(8))
        except Pye2Error as error:
            attempt.outcome = evolve(attempt.outcome, detail=f"nothing collected: {error}"[:400])
        else:
            heard = arena.tenant.end_of(name, 8 + _MARGIN)
            if heard is not None and "PLANTED-BY-A" in str(heard.fields.get("EXEC_RESULT")):
                self._blame(attempt, ["another tenant reads what it has planted"])
        arena.tenant.close(name)

    # --- what the witnesses have ------------------------------------------------------------------

    def _add_evidence(self, attempt: _Attempt) -> None:
        said = self._arena.attacker.ears.of(attempt.name)
        longest = max((len(each.text) for each in said if each.kind == "notification"), default=0)
        if longest > _LONGEST_NOTIFICATION:
            self._blame(attempt, [f"a notification of {longest} characters"])
        limits = [each.fields["LIMIT"] for each in said if "LIMIT" in each.fields]
        attempt.outcome = evolve(
            attempt.outcome,
            limits=tuple((limit.get("NAME"), limit.get("VALUE")) for limit in limits),
        )
        told = {source for each in said for source in told_by(each.text)}
        told |= set(told_by(attempt.outcome.detail))
        self._blame(attempt, sorted(told))
        files = self._arena.outside.take(attempt.snippet.name)
        self._blame(attempt, [f"a file outside: {each}" for each in files])

    @staticmethod
    def _blame(attempt: _Attempt, evidence: Iterable[str]) -> None:
        attempt.outcome = _blamed(attempt.outcome, evidence)

    def _traces(self) -> list[str]:
        arena = self._arena
        if arena.household.overflow is not None:
            return [f"the cell had to be ended: {arena.household.overflow}"]
        if not arena.is_alive():
            return ["the node ended"]
        traces = self._neighbours.complaints()
        traces += [] if self._beats() else ["the node's heart does not beat"]
        traces += self._survivors() + self._growth()
        traces += [f"the listener heard {each}" for each in arena.listener.take()]
        traces += self._in_log(arena.new_log())
        if self._fingerprint() != self._home:
            traces.append("the node's home was changed")
        return traces

    def _beats(self) -> bool:
        since = SYSTEM_CLOCK.monotonic()
        ears = self._arena.attacker.ears
        heartbeat = ears.wait(lambda each: each.kind == "heartbeat" and each.at > since, 10)
        return heartbeat is not None

    def _crowd(self, size: int) -> list[str]:
        """Many processes at once; a machine whose node has no filter of calls lets them be."""
        usual = self._members + 2 * size
        most = self._arena.household.members_peak
        if most <= usual + _MOST_AT_ONCE or "seccomp" in self._arena.without:
            return []
        return [f"{most - usual} processes were started"]

    def _survivors(self) -> list[str]:
        patience = threading.Event()
        deadline = SYSTEM_CLOCK.monotonic() + _SETTLE_SECONDS
        while len(members := self._arena.household.members()) > self._members:
            if SYSTEM_CLOCK.monotonic() > deadline:
                more = len(members) - self._members
                return [f"{more} processes outlived their worker"]
            patience.wait(0.05)
        return []

    def _growth(self) -> list[str]:
        household = self._arena.household
        found = []
        if household.node_peak > _MOST_PEAK:
            found.append(f"the node took {household.node_peak // _MIB} MiB")
        more = household.node_memory - self._memory
        if more > _MOST_GROWTH:
            found.append(f"the node kept {more // _MIB} MiB")
        if household.node_descriptors > self._descriptors + _MORE_DESCRIPTORS:
            found.append(f"the node has {household.node_descriptors} descriptors open")
        return found

    @staticmethod
    def _in_log(text: str) -> list[str]:
        found = [f"in the log: {source}" for source in told_by(text)]
        lines = _TERMINAL_CODE.sub("\n", text).splitlines()
        if any(_FORGED.match(line) for line in lines):
            found.append("a line of the log that looks like the neighbour's")
        return found

    # --- how it should be -------------------------------------------------------------------------

    def _settle_in_again(self) -> None:
        self._arena.begin_anew()
        self._settle_in()

    def _settle_in(self) -> None:
        """Have the neighbour at work, and know how everything is without an attack."""
        arena = self._arena
        self._neighbours.move_in()
        found = self._neighbours.complaints()
        assert not found, found
        arena.listener.take()
        arena.new_log()
        household = arena.household
        self._members = self._usual_members()
        self._memory = household.node_memory
        self._descriptors = household.node_descriptors
        self._home = self._fingerprint()

    def _usual_members(self) -> int:
        """How many processes there are once nothing changes: node, zygote, neighbour, a spare."""
        patience = threading.Event()
        seen = [len(self._arena.household.members())]
        while len(seen) < 6 or len(set(seen[-6:])) > 1:
            patience.wait(0.05)
            seen.append(len(self._arena.household.members()))
        return seen[-1]

    def _fingerprint(self) -> str:
        """Of what no guest may change: names in the home, the key, who is allowed."""
        home = self._arena.home
        names = sorted(
            each.name for each in home.iterdir() if not each.name.startswith(_NODES_BOOKS)
        )
        kept = [(home / name).read_bytes() for name in ("node.pem", "allow.toml")]
        return hashlib.sha256(b"\0".join([repr(names).encode(), *kept])).hexdigest()


def _once(seconds: float) -> dict[str, Any]:
    """Settings with which code is run once."""
    return {"PROCESS_DELAY": 3600, "ERROR_DELAY": 3600, "EXEC_TIMEOUT": seconds}


def _blamed(outcome: Outcome, evidence: Iterable[str]) -> Outcome:
    return evolve(outcome, evidence=(*outcome.evidence, *evidence))


def _not_deployed(outcome: Outcome, why: str) -> Outcome:
    if _REFUSED_BY_CHECK in why:
        return evolve(outcome, result=REFUSED, detail=why[:400])
    was_reached = any(words in why for words in _ENDED_WHILE_COMPILING)
    if was_reached and _UNCONFINED not in why:
        return evolve(outcome, detail=f"ended while it was compiled: {why}"[:400])
    return evolve(outcome, result=FAILED, detail=why[:400])
