"""Has plugins tried in another process, as often as it takes to get through all of them."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

from attrs import define, field

from pye2_cli.doctor.findings import Finding, Problem
from pye2core.errors import PluginError
from pye2core.plugins import PluginState, remedy


def examine(seconds: float) -> list[Finding]:
    """Try all plugins that are installed.

    Args:
        seconds: how long one step of one plugin may take.

    Returns:
        What was found, in the order of the plugins' names.

    Raises:
        PluginError: the process that tries them does not even come to the first one.
    """
    examination = _Examination()
    while not _run(examination, seconds):
        pass
    return sorted(
        [*examination.ended.values(), *examination.found.values()],
        key=lambda each: (each.name, each.distribution),
    )


@define
class _Examination:
    """What is known so far.

    Attributes:
        found: the plugins that a child has told of, by name and distribution.
        ended: those that ended a child while it loaded them.
        problems: what is wrong, by plugin, in the order in which it was found.
        begun: the steps that were begun, by plugin and subject.
        last: what the child that runs is about; None before it has begun.
    """

    found: dict[tuple[str, str], Finding] = field(factory=dict)
    ended: dict[tuple[str, str], Finding] = field(factory=dict)
    problems: dict[tuple[str, Problem], None] = field(factory=dict)
    begun: dict[tuple[str, str], None] = field(factory=dict)
    last: dict[str, Any] | None = None

    def task(self) -> str:
        """What the next child is to leave out."""
        return json.dumps({"left_out": list(self.ended), "done": list(self.begun)})

    def hear(self, said: dict[str, Any]) -> bool:
        """Take in what the child says; whether it is the last thing."""
        match said.pop("what"):
            case "loading":
                self.last = said
            case "plugin":
                self._hear_plugin(said)
            case "step":
                self.last = said
                self.begun[said["plugin"], said["subject"]] = None
            case "problem":
                self.problems[said.pop("plugin"), Problem(**said)] = None
            case "end":
                return True
        return False

    def _hear_plugin(self, said: dict[str, Any]) -> None:
        del said["ok"], said["problems"]
        finding = Finding(**said)
        self.found[finding.name, finding.distribution] = finding

    def note_end(self, culprit: dict[str, Any], how: str) -> None:
        """The child ended before it was through: what it was about is what is wrong."""
        self.last = None
        if "phase" in culprit:
            self._note_end_of_loading(culprit, how)
        else:
            self._note_end_of_step(culprit, how)

    def _note_end_of_loading(self, culprit: dict[str, Any], how: str) -> None:
        finding = Finding(
            **culprit,
            state=PluginState.BROKEN.value,
            error=f"the process that loaded it {how}; it does the same to every process of pye2",
            advice=(
                f"PYE2_DISABLE_PLUGINS={culprit['name']} switches it off;"
                f" {remedy(culprit['distribution'])}"
            ),
        )
        self.ended[finding.name, finding.distribution] = finding

    def _note_end_of_step(self, culprit: dict[str, Any], how: str) -> None:
        plugin, subject = culprit["plugin"], culprit["subject"]
        error = f"the process that tried it {how}"
        advice = f"PYE2_DISABLE_PLUGINS={plugin} switches the plugin off; tell its makers"
        self.problems[plugin, Problem("use", subject, error, advice)] = None

    def conclude(self) -> None:
        """Give each plugin its problems."""
        for plugin, problem in self.problems:
            for finding in self.found.values():
                if finding.name == plugin:
                    finding.problems.append(problem)


def _run(examination: _Examination, seconds: float) -> bool:
    """Have one child try what was not tried yet; whether it got through."""
    with tempfile.TemporaryFile() as complaints:
        command = [sys.executable, "-P", "-m", "pye2_cli.doctor.child", examination.task()]
        with subprocess.Popen(  # noqa: S603 - this interpreter, with what we wrote
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        ) as child:
            try:
                how = _listen(child, examination, seconds)
            finally:
                child.kill()
        if how is None:
            examination.conclude()
            return True
        culprit = examination.last
        if culprit is None:
            complaints.seek(0)
            raise _cannot_begin(how, complaints.read().decode(errors="replace"))
    examination.note_end(culprit, how)
    return False


def _listen(
    child: subprocess.Popen[bytes], examination: _Examination, seconds: float
) -> str | None:
    """Hear a child until it is through; otherwise how it ended."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_pump, args=(child, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=seconds)
        except queue.Empty:
            return f"did not get on for {seconds:g} s"
        if line is None:
            return _told_end(child.wait())
        # What else writes there does so before the child has taken the stream for itself.
        if line.startswith(b'{"what"') and examination.hear(json.loads(line)):
            return None


def _pump(child: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


def _told_end(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"


def _cannot_begin(how: str, complaints: str) -> PluginError:
    last = complaints.strip().splitlines()[-1:] or ["it said nothing"]
    return PluginError(
        f"the process that tries plugins {how} before it came to any: {last[0]}; see what"
        f" `{sys.executable} -c 'import pye2core'` says, and install pye2core and pye2-cli anew",
        plugin="cli",
    )
