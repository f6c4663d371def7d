"""The node's side of FUNCTION_CALLS: runs the functions that one client calls.

You are on the node's loop. Commands bring records, payloads take records back (``messages``). Calls
wait in ``Turns``; as many as the node has slots for run at once, each in a process of its own that
is kept for the next. Nothing is kept on disk: what a life before this one was asked is lost with
it, and its client asks again.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from typing import TYPE_CHECKING, Any, Final

from pye2_calls import messages
from pye2_calls.messages import MOST_RECORDS
from pye2_calls.serving.answers import (
    NoAnswer,
    Paused,
    RaisedThere,
    RefusedThere,
    Returned,
    answer_from,
    call_request,
    pull_request,
)
from pye2_calls.serving.children import Children
from pye2_calls.serving.codes import Codes, as_told, size_of
from pye2_calls.serving.jobs import Job, lost_by
from pye2_calls.serving.outgoing import Outgoing
from pye2_calls.serving.turns import Turns
from pye2core.abc import InstanceContext, Runner
from pye2core.errors import InvalidConfiguration, NodeError, Pye2Error
from pye2core.messages import CLOSES_PIPELINE, Action, Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pye2_calls.messages import NodeRecord, Record
    from pye2_calls.serving.answers import Answer
    from pye2_calls.serving.children import Child

QUIET_SECONDS: Final = 600.0
"""After so long without a word of its client's, and with nothing to do, an instance ends itself."""

MOST_WAITING: Final = MOST_RECORDS
"""Calls that may wait."""

BYTES_AROUND: Final = 64 * 1024
"""What a message may have besides the arguments of one call."""

BYTES_OF_A_CALL: Final = 1024
"""About what a call takes here besides its arguments."""

MOST_ITEMS: Final = 1000
"""Items that a generator is asked for at once: a process that sends many more is ended."""


class CallsRunner(Runner):
    """Runs the calls of one client."""

    def __init__(self, context: InstanceContext) -> None:
        super().__init__(context)
        self._outgoing = Outgoing(
            context.emit,
            secrets.token_hex(8),
            under_way=lambda: len(self._jobs) - len(self._paused),
            waiting=lambda: len(self._waiting),
            on_change=self._note_kept,
            holds=self._holds,
        )
        self._children = Children(context.open_sandbox, context.slots)
        self._codes = Codes()
        self._parts = messages.Assembly(context.largest_exchange + BYTES_AROUND)
        self._jobs: dict[int, Job] = {}
        """All that are not answered yet."""
        self._waiting = Turns()
        self._lacking: dict[str, list[Job]] = {}
        """Calls that wait for their function, by its digest."""
        self._paused: set[Job] = set()
        self._bytes_waiting = 0
        self._lanes = 0
        self._group: asyncio.TaskGroup | None = None
        self._heard_at = context.clock.monotonic()
        self._longest = 0.0
        """Seconds that any call may take."""
        self._is_over = False

    @property
    def life(self) -> str:
        """The run that each message to the client names."""
        return self._outgoing.run

    async def start(self) -> None:
        """Look at the settings.

        Raises:
            InvalidConfiguration: they cannot be used.
        """
        self._longest = self._seconds_allowed()

    def _seconds_allowed(self) -> float:
        seconds = self.context.settings["EXEC_TIMEOUT"]
        if type(seconds) in (int, float) and 0 < seconds < math.inf:
            return float(seconds)
        message = f"EXEC_TIMEOUT is {seconds!r}; give a number of seconds above 0, or leave it out"
        raise InvalidConfiguration(message, pipeline=self.context.path.pipeline)

    async def run(self) -> None:
        """Work until cancelled, or until its client has been silent for long."""
        self._outgoing.add(self._began())
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._start_lanes()
            sending = group.create_task(self._outgoing.send_all())
            await self._until_silence(sending)
            sending.cancel()
        self._is_over = True
        await self.stop()  # generators may wait for a client who will not come back
        await self._leave()

    async def _until_silence(self, sending: asyncio.Task[None]) -> None:
        """Return when the client was silent for long, and nothing is left to do for it."""
        while (left := self._seconds_left()) > 0 and not sending.done():
            await asyncio.wait({sending}, timeout=left)

    def _seconds_left(self) -> float:
        # What waits for its client (a generator, a call whose function was not sent) keeps nothing.
        if self._lanes or self._waiting or self._outgoing.unsent:
            return QUIET_SECONDS
        return self._heard_at + QUIET_SECONDS - self.context.clock.monotonic()

    async def _leave(self) -> None:
        """End the pipeline, too, where the client has said that it is for this alone."""
        pipeline = self.context.path.pipeline
        if self.context.settings.get(CLOSES_PIPELINE):
            archive = Command(Action.ARCHIVE_PIPELINE, pipeline, self.context.node_address)
            await self.context.network.send(archive)

    async def reconfigure(self, changes: Mapping[str, Any]) -> None:
        """What is changed counts from the next call on.

        Raises:
            InvalidConfiguration: it cannot be used.
        """
        del changes
        self._longest = self._seconds_allowed()

    async def stop(self) -> None:
        """End all processes, whatever they do, and keep nothing."""
        self._group = None
        for job in list(self._paused):
            self._take_up(job)
        self._forget_all()
        await self._children.end_all()

    def _forget_all(self) -> None:
        """Let go of what was kept: with those that know this, it would wait for the collector."""
        for each in (self._jobs, self._waiting, self._lacking, self._codes, self._outgoing):
            each.clear()
        self._parts = messages.Assembly(0)
        self.context.slots.tell_kept(0, 0)

    async def on_command(self, data: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        """Take what the client says.

        Raises:
            MessageNotReadable: it makes no sense.
            NodeError: there is no room for it, or this has ended.
        """
        if messages.FIELD not in data:
            await super().on_command(data, parameters)
            return
        if self._is_over:
            message = "its client was silent for long, so that it has ended; make another"
            raise NodeError(message)
        self._heard_at = self.context.clock.monotonic()
        field = data[messages.FIELD]
        self._outgoing.speaks_text = isinstance(field, str)
        self._take(messages.from_field(field))
        self._start_lanes()

    def _take(self, data: bytes) -> None:
        message = messages.unpack(data, messages.FROM_CLIENT)
        if message.run not in {"", self._outgoing.run}:
            return  # It was for a life before this one, and its client has asked again by now.
        for record in message.records:
            if isinstance(record, messages.Part):
                self._take_part(record)
            else:
                self._take_record(record)
        self._note_kept()
        self.context.slots.tell_waiting(len(self._waiting))

    def _take_part(self, part: messages.Part) -> None:
        if not self.context.slots.has_room(len(part.data)):
            self._parts.forget(part.message)
            self._note_kept()
            raise NodeError(_TOO_MUCH)
        whole = self._parts.take(part)
        self._note_kept()
        if whole is None:
            return
        for record in messages.unpack(whole, messages.FROM_CLIENT - {messages.Part}).records:
            self._take_record(record)

    def _note_kept(self) -> None:
        """Say how much is kept here for this client."""
        kept = self._bytes_waiting + self._parts.size + self._codes.size
        self.context.slots.tell_kept(kept, self._outgoing.unsent)

    def _take_record(self, record: Record) -> None:
        match record:
            case messages.Call():
                self._take_call(record)
            case messages.Code():
                self._take_code(record)
            case messages.Cancel(number):
                self._cancel(number)
            case messages.Withdraw(number):
                self._withdraw(number)
            case messages.Pull(number, count):
                self._pull(number, count)
            case messages.KeepAlive():
                self._outgoing.say_holds()

    # --- what the client wants --------------------------------------------------------------------

    def _take_call(self, call: messages.Call) -> None:
        if call.id in self._jobs:
            return  # it was asked for again, by who did not know that it had come
        problem = self._why_not(call)
        if problem is not None:
            self._outgoing.add(problem)
            return
        job = self._jobs[call.id] = Job(call, credit=call.credit)
        self._bytes_waiting += len(call.arguments) + BYTES_OF_A_CALL
        self._note_kept()
        if call.digest in self._codes:
            self._begin_waiting(job, self._codes.use(call.digest))
            return
        lacking = self._lacking.setdefault(call.digest, [])
        lacking.append(job)
        if len(lacking) == 1:
            self._ask_for_code(call)

    def _ask_for_code(self, call: messages.Call) -> None:
        self._outgoing.add(messages.CodeWanted(call.digest, (call.id,)))

    def _why_not(self, call: messages.Call) -> messages.Refused | None:
        size, most = len(call.arguments), self.context.largest_exchange
        if size > most:
            why = f"its arguments have {size} bytes, and this node takes {most}: give it less"
            return messages.Refused(call.id, "large", why)
        has_room = self.context.slots.has_room(size + BYTES_OF_A_CALL)
        if len(self._jobs) >= MOST_WAITING or not has_room:
            why = f"{len(self._jobs)} calls wait here already: wait for some of them"
            return messages.Refused(call.id, "full", why)
        return None

    def _take_code(self, code: messages.Code) -> None:
        if not self.context.slots.has_room(size_of(code)):
            raise NodeError(_TOO_MUCH)
        self._codes.add(code)
        self._note_kept()
        for job in self._lacking.pop(code.digest, ()):
            self._begin_waiting(job, code)

    def _begin_waiting(self, job: Job, code: messages.Code) -> None:
        job.code = code
        self._waiting.add(job)

    def _cancel(self, number: int) -> None:
        job = self._jobs.get(number)
        if job is None:
            return
        job.is_cancelled = True
        if job.child is not None:
            self._children.end(job.child)
        if job.is_running:
            return  # whoever waits for what comes of it says the rest
        if job in self._paused:
            self._take_up(job)
        elif job in self._waiting:
            self._waiting.remove(job)
        else:
            self._leave_lacking(job)
        self._answer(job, messages.Cancelled(number))

    def _leave_lacking(self, job: Job) -> None:
        """A call that waits for its function is not wanted; others may wait for the same."""
        lacking = self._lacking[job.call.digest]
        was_first = lacking[0] is job
        lacking.remove(job)
        if not lacking:
            del self._lacking[job.call.digest]
        elif was_first:
            # The client was told of that one alone, and need not know any more what it called.
            self._ask_for_code(lacking[0].call)

    def _withdraw(self, number: int) -> None:
        job = self._jobs.get(number)
        if job is not None and not job.has_begun:
            self._cancel(number)

    def _pull(self, number: int, count: int) -> None:
        job = self._jobs.get(number)
        if job is None:
            return
        job.credit += count
        if job in self._paused:
            self._take_up(job)
            self._waiting.add(job)

    def _take_up(self, job: Job) -> None:
        """A generator waits for its client no longer."""
        self._paused.remove(job)
        self.context.slots.take_up()

    # --- calls in their turn ----------------------------------------------------------------------

    def _start_lanes(self) -> None:
        """See that as many work as there is work for, and slots."""
        if self._group is None:
            return
        for _ in range(min(self.context.slots.total - self._lanes, len(self._waiting))):
            self._lanes += 1
            self._group.create_task(self._work())

    async def _work(self) -> None:
        """Serve what waits, each call in a slot of its own, so that others have their turn."""
        try:
            while self._waiting:
                await self.context.slots.acquire()
                try:
                    if self._waiting:
                        await self._serve(self._waiting.take())
                finally:
                    self.context.slots.release()
        finally:
            self._lanes -= 1

    async def _serve(self, job: Job) -> None:
        """Run a call, or go on with a generator's, and say what came of it."""
        self.context.slots.tell_waiting(len(self._waiting))
        job.is_running = True
        try:
            outcome = await self._outcome(job)
        finally:
            job.is_running = False
        if outcome is not None:
            self._answer(job, outcome)
        elif job.credit:
            self._waiting.add(job)
        elif self.context.slots.set_aside():
            self._paused.add(job)
        else:
            self._forsake(job)
            why = "too many generators wait here already: take their items, or cancel some"
            self._answer(job, messages.Refused(job.id, "full", why))

    def _answer(self, job: Job, record: NodeRecord) -> None:
        """Say the last of a call."""
        del self._jobs[job.id]
        self._bytes_waiting -= len(job.call.arguments) + BYTES_OF_A_CALL
        self._outgoing.add(record)
        self._note_kept()

    async def _outcome(self, job: Job) -> NodeRecord | None:
        """What came of a call; None of a generator that waits until more is pulled."""
        try:
            child, request = await self._made_ready(job)
            # Its client may have given it up while the process was started.
            answer = None if job.is_cancelled else await self._ask(job, child, request)
        except Pye2Error as error:
            self._forsake(job)
            return messages.Cancelled(job.id) if job.is_cancelled else lost_by(job, error)
        except NoAnswer as error:
            self._forsake(job)
            reason = f"it answered what no process of a node's answers: {error}"
            return messages.Died(job.id, None, None, reason, job.printed)
        if answer is None or job.is_cancelled:
            self._forsake(job)
            return messages.Cancelled(job.id)
        return None if isinstance(answer, Paused) else self._said(job, answer)

    def _forsake(self, job: Job) -> None:
        """End the process in which a call has begun, if there is one."""
        child, job.child = job.child, None
        if child is not None:
            self._children.end(child)

    async def _made_ready(self, job: Job) -> tuple[Child, Sequence[bytes | memoryview]]:
        """A process for a call, or the one in which it has begun, and what to ask it.

        Raises:
            GrantMissing, NodeError: no process could be started.
        """
        items = min(job.credit, MOST_ITEMS)
        if job.child is not None:
            self.context.slots.make_room()  # while it waited it was none of those that run
            return job.child, pull_request(items)
        job.child = child = await self._children.take(job.call.digest)
        return child, _request(job, child, items)

    async def _ask(self, job: Job, child: Child, request: Sequence[bytes | memoryview]) -> Answer:
        """Have a process run a call, or go on with it.

        Raises:
            CallTimedOut, SandboxDied, CodeError: as ``Sandbox.exchange``.
            NoAnswer: the process is not what was started.
        """
        began = self.context.clock.monotonic()
        try:
            answer = await child.sandbox.exchange(
                *request,
                timeout=max(_SHORTEST, self._seconds_for(job) - job.seconds),
                on_output=lambda text: self._on_output(job, text),
                on_item=lambda data: self._on_item(job, child, data),
            )
        finally:
            job.seconds += self.context.clock.monotonic() - began
        return answer_from(answer)

    def _seconds_for(self, job: Job) -> float:
        """How long a call may take: as long as its owner and its caller let it."""
        return self._longest if job.call.timeout is None else min(self._longest, job.call.timeout)

    def _said(self, job: Job, answer: Answer) -> NodeRecord:
        """The last of a call whose process can take another."""
        child, job.child = job.child, None
        assert child is not None
        if isinstance(answer, RefusedThere):
            child.knows.discard(job.call.digest)
        self._children.give_back(child)
        match answer:
            case Returned(data):
                return messages.Value(job.id, data, job.printed, job.seconds)
            case RaisedThere(failure):
                return messages.Raised(job.id, failure, job.printed, job.seconds)
            case RefusedThere(message):
                return messages.Refused(job.id, "code", message)
            case _:
                return messages.End(job.id, job.printed, job.seconds)

    # --- while it runs ----------------------------------------------------------------------------

    def _on_output(self, job: Job, text: str) -> None:
        if not job.is_running:
            return  # what it left behind in its process prints on
        job.note_output(text)
        if job.call.live_output:
            self._outgoing.add(messages.Output(job.id, text))

    async def _on_item(self, job: Job, child: Child, data: memoryview) -> None:
        if not (job.is_running and job.credit):
            self._children.end(child)  # nothing that was started there gives what is not asked for
            return
        self._outgoing.add(messages.Item(job.id, job.items, data))
        job.items += 1
        job.credit -= 1
        await self._outgoing.room()

    # --- what the client is told of the whole -----------------------------------------------------

    def _began(self) -> messages.Began:
        slots, largest = self.context.slots.total, self.context.largest_exchange
        return messages.Began(slots, largest, self._longest)

    def _holds(self) -> messages.Holds:
        """What is not answered, and what is but whose answer is still on its way in parts.

        What was said of a function that calls wait for may be lost, too: it is asked for again.
        """
        for lacking in self._lacking.values():
            self._ask_for_code(lacking[0].call)
        begun = {job.id for job in self._jobs.values() if job.has_begun}
        waiting = self._jobs.keys() - begun
        # There are no more of these in all than calls may wait, but for answers that are large.
        running = list(begun | (self._outgoing.large_answers - waiting))[:MOST_RECORDS]
        return messages.Holds(tuple(waiting), tuple(running))


def _request(job: Job, child: Child, items: int) -> Sequence[bytes | memoryview]:
    digest = job.call.digest
    code = None if digest in child.knows else as_told(job.code)
    child.knows.add(digest)
    return call_request(code, digest, job.call.arguments, items)


_TOO_MUCH: Final = "too much of this client's waits here already: wait for some of it"
_SHORTEST: Final = 0.001
