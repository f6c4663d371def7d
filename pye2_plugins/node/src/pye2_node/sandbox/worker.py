"""The worker: the process that runs one instance's custom code, from its fork to its end.

It serves the node's requests one after the other: ``begin``, ``define``, ``configure``, ``call``,
``stop``. Foreign code runs in this process and nowhere else; whatever it raises is described and
answered, whatever else it does to the process ends it.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import traceback
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pye2_node.sandbox import failures, frames
from pye2_node.sandbox.exchange_host import ExchangeHost
from pye2_node.sandbox.exchanges import Pieces, packed
from pye2_node.sandbox.frames import json_of
from pye2_node.sandbox.functions import CHECKED, Functions, Refused
from pye2_node.sandbox.lengths import LONGEST_NAME, cut
from pye2_node.sandbox.node_link import LinkBroken, NodeLink
from pye2_node.sandbox.output import Printer, TextStream
from pye2_node.sandbox.plugin_api import Plugin
from pye2_node.sandbox.plugin_host import InstanceState
from pye2_node.sandbox.rehearsal import rehearse
from pye2_node.sandbox.values import NotSerializable, to_json
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pye2_node.sandbox.channel_ends import ChannelEnd
    from pye2_node.sandbox.functions import Language
    from pye2_node.sandbox.layers.rlimits import WorkerLimits
    from pye2core.abc import InSandbox

EXIT_DONE: Final = 0
EXIT_LINK_BROKEN: Final = 70
EXIT_CRASHED: Final = 71

_LONGEST_REPORT: Final = 8192


def run_worker(channel: ChannelEnd, limits: WorkerLimits, language: Language = CHECKED) -> int:
    """Serve the node until it wants this worker to end; returns the exit code.

    Call it in a freshly forked and confined process.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seed_randomness()
    gc.enable()
    link = NodeLink(channel)
    try:
        worker = Worker(link, limits, language)
        if not link.has_request():
            rehearse()
        worker.serve()
    except LinkBroken:
        return EXIT_LINK_BROKEN
    except Exception:  # noqa: BLE001 - nobody else could tell the node what is wrong with us
        link.tell("crashed", text=cut(traceback.format_exc(), _LONGEST_REPORT))
        return EXIT_CRASHED
    return EXIT_DONE


def seed_randomness() -> None:
    """Give this process random numbers of its own: forks begin with those of the zygote."""
    random.seed(os.urandom(32))
    np.random.seed(np.frombuffer(os.urandom(32), dtype=np.uint32))


class Worker:
    """Serves one instance; the host of its ``plugin`` object.

    Attributes:
        state: what is known of the instance.
    """

    def __init__(self, link: NodeLink, limits: WorkerLimits, language: Language = CHECKED) -> None:
        self.state = InstanceState()
        self._link = link
        self._limits = limits
        self._limits_told: set[str] = set()
        self._printed = self._stream("print")
        self._logged = self._stream("log")
        self._language = language
        self._functions = Functions(Printer(self._printed), language)
        self.state.functions = self._functions.by_name
        self._plugin = Plugin(self)
        self._pieces = Pieces(limits.exchange)
        self._in_sandbox: InSandbox | None = None

    def serve(self) -> None:
        """Answer requests until there are no more.

        Raises:
            LinkBroken: the node is gone or sent nonsense.
        """
        answers: dict[str, Callable[[dict[str, Any]], None]] = {
            "begin": self._begin,
            "define": self._define,
            "configure": self._configure,
            "call": self._call,
            "piece": self._piece,
            "exchange": self._exchange,
        }
        while (request := self._link.next_request()) is not None:
            try:
                answer = answers[request["do"]]
            except KeyError:
                raise LinkBroken(f"an unknown request: {request.get('do')!r}") from None
            answer(request)

    def _stream(self, kind: str) -> TextStream:
        return TextStream(
            lambda text: self._link.tell(kind, text=text),
            self._limits.output,
            lambda: self.hit_limit("output"),
        )

    # --- what the plugin object needs -------------------------------------------------------------

    def log(self, text: str) -> None:
        """Take text, line ends included, to the node's log."""
        self._logged.write(text)

    def hit_limit(self, name: str) -> None:
        """Tell the node that a limit was hit, once a call."""
        if name not in self._limits_told:
            self._limits_told.add(name)
            self._link.tell("limit", name=name)

    def send_payload(self, fields: str) -> None:
        """Send the payload whose fields are this JSON text; raises ValueError if too large."""
        try:
            self._link.send(_packed(f'{{"did":"payload","fields":{fields}}}'))
        except frames.TooManyValues:
            self.hit_limit("payload_values")
            raise ValueError(
                f"the payload holds more than {frames.MAX_VALUES} values: send it in parts, or "
                "send many numbers as one text"
            ) from None
        except frames.FrameTooLarge as error:
            self.hit_limit("payload_bytes")
            raise ValueError(
                f"the payload has {error.size} bytes, more than {frames.MAX_FRAME}: send it in "
                "parts or send less of it"
            ) from None

    def save(self, name: str, text: str) -> None:
        """Have the node keep a text by name; raises ValueError if it does not take it."""
        if len(text) > self._limits.cache_text:
            self.hit_limit("kept_text")
            raise ValueError(
                f"{name} has {len(text)} characters, more than the {self._limits.cache_text} that "
                "a node keeps: keep less, or in parts"
            )
        save = f'{{"did":"save","name":{json_of(name[:LONGEST_NAME])},"text":{json_of(text)}}}'
        self._ask(frames.pack(save))

    def load(self, name: str) -> str | None:
        """The text that the node keeps under a name, or None; raises ValueError for a bad name."""
        text: str | None = self._ask(_question_for(name[:LONGEST_NAME])).get("text")
        return text

    def make_function(
        self, name: str, source: str, parameters: Sequence[str]
    ) -> Callable[..., object]:
        """Check and compile a source; raises ValueError with all problems if it is refused."""
        try:
            return self._functions.make(name, source, parameters)
        except Refused as refused:
            raise ValueError(f"the code for {name} is refused: {refused}") from None

    def _ask(self, question: bytes) -> dict[str, Any]:
        answer = self._link.ask(question)
        if answer.get("error") is not None:
            raise ValueError(answer["error"])
        return answer

    # --- the node's requests ----------------------------------------------------------------------

    def _begin(self, request: dict[str, Any]) -> None:
        self.state.surroundings.update(request["surroundings"])
        if request["in_sandbox"] is not None:
            module, _, name = request["in_sandbox"].partition(":")
            make = getattr(import_module(module), name)  # it was loaded by the zygote
            self._in_sandbox = make(self._host_of_exchanges())

    def _host_of_exchanges(self) -> ExchangeHost:
        functions = Functions(Printer(self._printed), self._language.with_given())
        return ExchangeHost(self, self._plugin, self._link, functions, self._pieces.most)

    def _configure(self, request: dict[str, Any]) -> None:
        self.state.settings.clear()
        self.state.settings.update(request["settings"])
        self._link.tell("configure", id=request["id"])

    def _define(self, request: dict[str, Any]) -> None:
        sources = {
            name: (function["source"], tuple(function["parameters"]))
            for name, function in request["functions"].items()
        }
        functions = request["functions"].items()
        not_users = [name for name, function in functions if not function["is_users"]]
        problems: list[dict[str, Any]] = []
        try:
            self._functions.define(sources, not_users)
        except Refused as refused:
            problems = [{"function": name, **one._asdict()} for name, one in refused.problems]
        self._link.tell("define", id=request["id"], problems=problems)

    def _call(self, request: dict[str, Any]) -> None:
        started = SYSTEM_CLOCK.monotonic()
        self._begin_call()
        try:
            outcome = self._outcome_of(request)
        except BaseException as error:  # noqa: BLE001 - whatever foreign code raises is an answer
            outcome = self._failure(error, request["name"])
            limit = failures.limit_hit_by(error)
            if limit is not None:
                self.hit_limit(limit)
        self._end_call()
        seconds = SYSTEM_CLOCK.monotonic() - started
        self._link.send(self._pack_outcome(request, outcome, seconds))

    def _piece(self, request: dict[str, Any]) -> None:
        self._pieces.add(request[frames.DATA])

    def _exchange(self, request: dict[str, Any]) -> None:
        self._begin_call()
        assert self._in_sandbox is not None, "the node asks what only a signature's part answers"
        # Taken from the request, which is kept until the next one comes.
        answer = self._in_sandbox.exchange(self._pieces.end(request.pop(frames.DATA)))
        self._end_call()
        head = {"did": "exchange", "id": request["id"]}
        for each in packed({"did": "piece"}, head, answer):
            self._link.send(*each)

    def _begin_call(self) -> None:
        self.state.payloads_left = self._limits.payloads
        self._limits_told.clear()

    def _end_call(self) -> None:
        self.state.iteration += 1
        self._printed.finish_call()
        self._logged.finish_call()

    def _outcome_of(self, request: dict[str, Any]) -> str:
        name = request["name"]
        if name not in self._functions.by_name:
            raise LookupError(f"no function {name!r} is defined; define it before it is called")
        value = self._functions.by_name[name](self._plugin, *request["args"])
        return f'"value":{to_json(value)}'

    def _failure(self, error: BaseException, called: str) -> str:
        fields = failures.describe(error, called, self._functions.files)
        if isinstance(error, NotSerializable) and fields["line"] is None:
            fields |= {"type": "ResultNotSerializable", "traceback": ""}
        return f'"failure":{to_json(fields)}'

    def _pack_outcome(self, request: dict[str, Any], outcome: str, seconds: float) -> bytes:
        head = f'{{"did":"call","id":{request["id"]},"seconds":{seconds:.6f},'
        try:
            return _packed(f"{head}{outcome}}}")
        except frames.TooManyValues:
            self.hit_limit("payload_values")
            why = f"the result holds more than {frames.MAX_VALUES} values"
        except frames.FrameTooLarge as error:
            self.hit_limit("payload_bytes")
            why = f"the result has {error.size} bytes as JSON, more than {frames.MAX_FRAME}"
        failure = {
            "type": "ResultTooLarge",
            "message": f"{why}: return less, or send it in parts with "
            "plugin.add_payload_by_fields(…) over several calls",
            "line": None,
            "source_line": None,
            "traceback": "",
            "function": request["name"],
        }
        return frames.pack(f'{head}"failure":{to_json(failure)}}}')


@lru_cache(maxsize=64)  # code asks for the same few again and again
def _question_for(name: str) -> bytes:
    """The frame that asks the node for the text that it keeps under a name."""
    return frames.pack(f'{{"did":"load","name":{json_of(name)}}}')


def _packed(text: str) -> bytes:
    """The bytes of a frame that the node will take.

    Raises:
        frames.FrameTooLarge: it will not: too many bytes.
        frames.TooManyValues: it will not: too many values.
    """
    packed = frames.pack(text)
    frames.limit_values(packed, frames.HEADER.size)
    return packed
