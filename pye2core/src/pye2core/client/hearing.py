"""What a pipeline is, and what is heard of it: from its instances, and from its node.

You are in the client room. :class:`HeardPipeline` holds the state of one pipeline behind a lock
that is never held while anything is sent or waited for; ``deployment`` changes it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pye2core.client.arguments import check_callbacks
from pye2core.client.code_tools import CodeTools
from pye2core.client.differences import by_key
from pye2core.client.instance import Attachment
from pye2core.client.payload import Payload
from pye2core.client.reports import LONG_AGO, Moment
from pye2core.client.transactions import Expectation
from pye2core.messages import InstancePath, NotificationCode
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2core.client.callbacks import CallbackThread
    from pye2core.client.differences import InstanceKey
    from pye2core.client.instance import Call, Instance, OnData, OnNotification
    from pye2core.client.reports import Report
    from pye2core.client.session import Session
    from pye2core.client.staging import Staging
    from pye2core.messages import (
        InstanceConfig,
        Notification,
        PayloadMessage,
        PipelineConfig,
        Requester,
    )

DEBUG_VERBOSITY = 2

_RUNS = "PLUGIN_RUNNING"
"""What a confirmation says of an instance, under the name by which users read it."""


class HeardPipeline(CodeTools):
    """A pipeline of one node, as far as it is only looked at and listened to.

    Attributes:
        session: the session that it belongs to.
        node_addr: the node's address.
        name: unique on its node.
        configurations: what is on the node, what is to become of it, what awaits confirmation.
        is_own: whether the session closes it when it is asked to close its pipelines.
        replaced_by: who has replaced all its instances, in words; None for nobody.
    """

    def __init__(self, session: Session, node_addr: str, configurations: Staging) -> None:
        """Make one; nothing is sent.

        Args:
            session: the session that it belongs to.
            node_addr: the node's address.
            configurations: what it is and what it is to become.
        """
        self.session = session
        self.node_addr = node_addr
        self.name = configurations.name
        self.configurations = configurations
        self.is_own = False
        self.replaced_by: str | None = None
        self._resting: dict[InstanceKey, str] = {}
        self._was_sent = configurations.running
        self._closed = False
        self._last_told = LONG_AGO
        self._lock = threading.RLock()
        self._instances: dict[InstanceKey, Instance] = {}
        self._attachments: list[Attachment] = []
        self._thread = session.new_callback_thread(f"pipeline {self.name}")

    def __repr__(self) -> str:
        return f"<Pipeline {self.name} on {self.node_addr}>"

    # --- what it is -------------------------------------------------------------------------------

    @property
    def node_id(self) -> str | None:
        """The node's name."""
        return self.session.get_node_name(self.node_addr)

    @property
    def is_deployed(self) -> bool:
        """Whether it is known to run on its node."""
        return self.configurations.running and not self._closed

    @property
    def is_gone(self) -> bool:
        """Whether it ran on its node, and was closed there by somebody else."""
        return self.configurations.gone and not self._closed

    @property
    def config(self) -> dict[str, Any]:
        """The settings of its data source on the node, as last heard (as proposed, before that)."""
        with self._lock:
            known = self.configurations.on_node or self.configurations.proposed
        return {"NAME": known.name, "TYPE": known.data_source, **known.settings}

    def P(self, *args: object, **options: Any) -> None:  # noqa: N802 - PyE2's name
        """Show a line, as ``session.P``."""
        self.session.P(*args, **options)

    def D(self, *args: object, **options: Any) -> None:  # noqa: N802 - PyE2's name
        """Show a line if the session's verbosity is 2 or more."""
        options.setdefault("verbosity", DEBUG_VERBOSITY)
        self.session.P(*args, **options)

    # --- hearing ----------------------------------------------------------------------------------

    def attach(
        self, on_data: OnData | None = None, on_notification: OnNotification | None = None
    ) -> Attachment:
        """Add callbacks for all instances.

        Args:
            on_data: ``(pipeline, signature, instance_id, payload)``.
            on_notification: ``(pipeline, payload)``.

        Raises:
            SettingsError: one is no function.
        """
        check_callbacks(on_data=on_data, on_notification=on_notification)
        self.hear_results()
        attachment = Attachment(on_data, on_notification)
        self._attachments = [*self._attachments, attachment]
        return attachment

    def hear_results(self) -> None:
        """See that what it sends is heard here: it may be sent to another client alone."""
        made_by = self.configurations.proposed.initiator
        if made_by is not None:
            self.session.hear_results_for(made_by)

    @property
    def is_listened_to(self) -> bool:
        """Whether it, or an instance of it, has callbacks."""
        with self._lock:
            instances = list(self._instances.values())
        listened = any(each.on_data or each.on_notification for each in self._attachments)
        return listened or any(each.is_listened_to for each in instances)

    def calls_for_payload(self, message: PayloadMessage) -> Iterator[Call]:
        """What is to be called for a payload of this pipeline; on the receiving thread."""
        for attachment in self._attachments:
            if (on_data := attachment.on_data) is not None:
                yield self._thread, self._data_call(on_data, message)
        instance = self._instance_at(message.path)
        if instance is not None:
            yield from instance.calls_for_payload(message)

    def calls_for_notification(self, message: Notification) -> Iterator[Call]:
        """What is to be called for a notification about this pipeline; on the receiving thread."""
        for attachment in self._attachments:
            if (on_notification := attachment.on_notification) is not None:
                yield self._thread, self._notification_call(on_notification, message)
        instance = self._instance_at(message.path)
        if instance is not None:
            yield from instance.calls_for_notification(message)

    def _data_call(self, on_data: OnData, message: PayloadMessage) -> Callable[[], object]:
        path = message.path
        return lambda: on_data(self, path.signature, path.instance_id, Payload.of(message))

    def _notification_call(
        self, on_notification: OnNotification, message: Notification
    ) -> Callable[[], object]:
        return lambda: on_notification(self, Payload.of(message))

    def _instance_at(self, path: InstancePath) -> Instance | None:
        return self._instances.get(((path.signature or "").upper(), path.instance_id or ""))

    def callback_threads(self) -> list[CallbackThread]:
        """The threads of its callbacks and of its instances'."""
        with self._lock:
            return [self._thread, *(each.callback_thread for each in self._instances.values())]

    def end_callbacks(self) -> None:
        """Take no more calls, for its instances neither; those that wait are still run."""
        with self._lock:
            instances = list(self._instances.values())
        self._thread.finish()
        for instance in instances:
            instance.end_callbacks()

    # --- what the node says of it -----------------------------------------------------------------

    def note_report(self, report: Report) -> None:
        """Take in what a node says that it runs, if that is newer than what it last told of this.

        On the receiving thread.
        """
        reported = report.pipelines.get(self.name)
        with self._lock:
            known = self._was_sent and not self._closed
            before = self.configurations.on_node
            counts = (
                known
                and self._last_told.precedes(report.moment)
                and self.configurations.note_report(reported)
            )
            if counts:
                self._last_told = report.moment
        if counts and before is not None and reported is not None:
            self._note_removals(by_key(before), reported)

    def _note_removals(
        self, before: Mapping[InstanceKey, InstanceConfig], now: PipelineConfig
    ) -> None:
        """Tell of instances that another has taken away: who made them may not be listening."""
        left = by_key(now).keys()
        changer = now.provenance.modified_by if now.provenance is not None else None
        is_own = changer is not None and self.session.commands.is_own(changer)
        if before.keys() <= left or is_own:
            return
        who = _told(changer)
        if before.keys().isdisjoint(left):
            self.replaced_by = who
        if self.is_own or self.is_listened_to:
            gone = ", ".join(sorted("/".join(key) for key in before.keys() - left))
            text = (
                f"{self} has lost {gone}: removed by {who}. Programs that share a pipeline take"
                " session.create_or_attach_to_pipeline; those that do not, names of their own"
            )
            self._thread.put(lambda: self.session.warn(text))

    def _look_again(self) -> None:
        """Take in what the node said while a change of our own awaited its confirmation."""
        report = self.session.known_pipelines.report_of(self.node_addr)
        if report is not None:
            self.note_report(report)

    def note_rest(self, said: Notification) -> None:
        """Note whether an instance that was configured runs: it may be paused.

        On the receiving thread, before whoever waits for that is told.
        """
        if said.code != NotificationCode.PLUGIN_CONFIG_OK:
            return
        key = ((said.path.signature or "").upper(), said.path.instance_id or "")
        with self._lock:
            if said.fields.get(_RUNS) is False:
                self._resting[key] = said.info or "it is paused"
            else:
                self._resting.pop(key, None)

    def note_notification(self, said: Notification) -> None:
        """Take in a confirmation that comes late, or that somebody else has closed the pipeline.

        On the receiving thread; answers that are waited for have been taken in.
        """
        if said.origin is None or not said.origin.verified:
            return
        moment = Moment(said.origin.sent_at, self.session.clock.monotonic())
        with self._lock:
            is_news = self._last_told.precedes(moment)
            told = self.configurations.note_late_answer(said, is_news=is_news)
            if not told and is_news and self._tells_of_end(said):
                told = self.configurations.note_report(None)
            if told and is_news:
                self._last_told = moment
        if told:
            self._look_again()

    def _tells_of_end(self, said: Notification) -> bool:
        ended = Expectation(NotificationCode.PIPELINE_ARCHIVE_OK, InstancePath(self.name))
        return not said.failed and ended.concerns(said)


def _told(changer: Requester | None) -> str:
    known = (changer.name, changer.address) if changer is not None else ()
    return printable(" ".join(each for each in known if each)) or "another client"
