"""Runs a whole-job preset with a progress bar and tells its result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import click
from attrs import define

from pye2core import installed_plugins
from pye2core.errors import NodeNotOnline
from pye2core.printable import printable

if TYPE_CHECKING:
    from pye2core import Payload, Pipeline, Session

_WAITING = "waiting for a node to say that it is there, at most every 10 s"
_NAMES_TOLD = 10


@define
class JobRun:
    """One run of a preset: follows its payloads, holds its result.

    Attributes:
        preset: the preset's name.
        parameters: what the preset was given.
        result: the result, when it is done.
        finished: whether it is done.
    """

    preset: str
    parameters: dict[str, Any]
    result: Any = None
    finished: bool = False
    _percent: float = 0.0
    _state: str = ""

    def check(self) -> None:
        """Check the parameters, before anything is connected or started.

        Raises:
            PresetParameterError: the preset cannot use its parameters.
        """
        from pye2core.plugins import stages_of

        stages_of(installed_plugins(), self.preset, self.parameters)

    def run(self, session: Session, node: str | None, *, show_progress: bool) -> Any:
        """Deploy the job on a node, wait for its result and close it.

        A job that fails is closed with the session, if that is told to.

        Args:
            session: whose job it is.
            node: the main node, by name or address; None for the least busy one.
            show_progress: whether to show a progress bar.

        Raises:
            NodeNotOnline: the node that was named does not appear; lists those that have.
            NoNodeOnline: no node that this client may use is online.
            JobFailedError: the job cannot succeed.
            PresetParameterError: the preset cannot use its parameters.
            KeyboardInterrupt: Ctrl-C came before the result.
        """
        with _progress_bar(self.preset, shown=show_progress) as bar:
            bar.update(0, _WAITING)
            if node is not None and not session.wait_for_node(node, verbose=False):
                raise NodeNotOnline(_tell_absence(session, node), node=node)

            def on_data(pipeline: Pipeline, payload: Payload) -> None:
                del pipeline
                self._follow(payload)
                bar.update(self._percent, self._state)

            pipeline, _ = session.create_job(
                self.preset, node=node, on_data=on_data, deploy=False, **self.parameters
            )
            bar.update(0, "deploying")
            pipeline.deploy()
            session.sleep(lambda: not self.finished)
            session.run(wait=False, close_session=False, close_pipelines=True)
        return self.result

    def _follow(self, payload: Payload) -> None:
        progress = payload.get("PROGRESS")
        if progress is None:
            return
        self._percent = float(progress)
        self._state = str(payload.get("STATE") or "")
        if payload.get("STATE") != "FAILED" and progress == 100:  # noqa: PLR2004 - percent
            self.result = payload.get("DATA")
            self.finished = True


def _tell_absence(session: Session, node: str) -> str:
    """What whoever typed the command can do about a node that does not appear."""
    names = sorted(printable(each.name) for each in session.peers.online().values())
    if not names:
        return (
            f"the node {node!r} has not been heard from, nor has any other; check that it runs on"
            f" this broker, {session.server}, and under this root topic, and that the broker's"
            " access rules let it be heard"
        )
    more = f" and {len(names) - _NAMES_TOLD} more" if len(names) > _NAMES_TOLD else ""
    return (
        f"the node {node!r} has not been heard from; online are {', '.join(names[:_NAMES_TOLD])}"
        f"{more}. Name one of these with --node, or watch with `pye2 nodes` who appears"
    )


class _NoBar:
    """Stands in for the bar where nobody looks at it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, percent: float, state: str) -> None:
        """Show nothing."""


class _Bar(_NoBar):
    """A progress bar on standard error."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.table import Column

        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}", table_column=Column(overflow="fold")),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(title, total=100, state="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, percent: float, state: str) -> None:
        """Show how far it is and what it is doing."""
        self._progress.update(self._task, completed=percent, state=state)


def _progress_bar(title: str, *, shown: bool) -> _NoBar:
    return _Bar(title) if shown else _NoBar()


def tell_result(result: Any, *, as_json: bool) -> None:
    """Print a job's result: as one JSON line, or for people."""
    if as_json:
        count = len(result) if isinstance(result, list) else None
        click.echo(json.dumps({"count": count, "result": result}))
    elif isinstance(result, list):
        click.echo(" ".join(map(str, sorted(result))))
        click.echo(f"{len(result)} found", err=True)
    else:
        click.echo(result)
