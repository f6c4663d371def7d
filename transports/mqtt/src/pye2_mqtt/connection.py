"""One connection to a broker: a paho client and the thread that drives it.

paho's own thread is not used: it waits with ``select``, which fails for file descriptors above
1023, dies of an exception while the client still says it is connected, and reconnects by itself.
Here the loop reports whatever ends it, once.

A connection is used for one life: open, use, then :meth:`Connection.leave` or
:meth:`Connection.drop`. Locks: ``_lock`` guards what both the callers' threads and the loop touch.
It may be held while paho is called; nobody else's code is called under it.
"""

from __future__ import annotations

import functools
import logging
import selectors
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import field, frozen
from paho.mqtt.enums import MQTTErrorCode

from pye2_mqtt import failures
from pye2_mqtt.client import client_for
from pye2_mqtt.receipts import Receipt, Receipts
from pye2_mqtt.wake import Wake
from pye2core.errors import TransportError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import paho.mqtt.client as paho
    from paho.mqtt.reasoncodes import ReasonCode

    from pye2_mqtt.buffered_socket import BufferedSocket
    from pye2_mqtt.client import BufferedClient, Endpoint

_log = logging.getLogger(__name__)

_HOUSEKEEPING = 5.0
"""Seconds after which paho is asked at the latest whether a ping is due."""

_READ_TOGETHER = 20
"""Packets that are read before any is answered: as many as brokers send before they wait."""

_SHARE_A_FUTURE = 64
"""Messages of QoS 0 to one topic, at most: one for each took a third of the time of sending."""

_LOST = "the connection was lost"
_LEFT = "the connection is closed"

_NO_SIGN_OF_LIFE = 141
"""What paho calls a broker that left a ping unanswered (MQTT 5's keep alive timeout)."""


@frozen
class Inbound:
    """A message as the broker delivered it.

    Attributes:
        topic: where it was published.
        data: its bytes.
        ack: acknowledges it, once all that came before it are; from any thread, harmless when
            repeated or too late.
        is_in_batch: whether others arrived with it, and ``on_batch_end`` is called after the last.
    """

    topic: str
    data: bytes = field(repr=False)
    ack: Callable[[], None] = field(repr=False)
    is_in_batch: bool = False


class Connection:
    """Bytes to and from one broker, until it ends.

    Args:
        endpoint: where to go.
        on_message: called by the loop for each message; what it raises is logged.
        on_batch_end: called by the loop after the last of several that arrived together.
        on_end: called once with the reason, from the loop's thread, when the connection is lost
            or could not be made.

    Attributes:
        client_id: identifies the session at the broker.
        begins_anew: whether the broker has taken us in and has no session of ours from before.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_message: Callable[[Inbound], None],
        on_batch_end: Callable[[], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._endpoint = endpoint
        self.client_id = endpoint.client_id
        self.begins_anew = False
        self._on_message = on_message
        self._on_batch_end = on_batch_end
        self._on_end = on_end
        self._lock = threading.RLock()
        self._opened = _pending()
        self._subscribing: dict[int, tuple[str, Future[None]]] = {}
        self._unwritten: deque[_Published] = deque()
        self._unconfirmed: deque[_Published] = deque()
        self._receipts = Receipts()
        self._arrived: list[tuple[str, bytes, Callable[[], None]]] = []
        self._ended: str | None = None
        self._end_is_wanted = False
        self._reason = _LOST
        self._wake = Wake()
        self._client = self._make_client()
        self._thread = threading.Thread(
            target=self._run, name=f"pye2-mqtt-{endpoint.client_id}", daemon=True
        )

    # --- for the transport, from any thread ---------------------------------------------------

    def open(self, timeout: float) -> Future[None]:
        """Begin to connect.

        Returns:
            A future that is done when the broker has accepted the connection; fails with
            ``BrokerUnreachable`` or ``CredentialsRefused``.
        """
        self._client.connect_timeout = timeout
        self._thread.start()
        return self._opened

    def subscribe(self, topic: str, qos: int) -> Future[None]:
        """Ask for what is published at ``topic``; the future is done when the broker grants it."""
        granted = _pending()
        with self._lock:
            if self._ended is not None:
                return self._refuse(granted, f"The subscription to {topic!r}", self._ended)
            result, mid = self._client.subscribe(topic, qos)
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
                return self._refuse(granted, f"The subscription to {topic!r}", _LOST)
            self._subscribing[mid] = (topic, granted)
        self._wake.wake()
        return granted

    def publish(self, topic: str, data: bytes, qos: int) -> Future[None]:
        """Send ``data``; the future is done when it is confirmed (QoS 1) or written (QoS 0).

        Messages of QoS 0 to one topic in a row may share a future.
        """
        with self._lock:
            if self._ended is not None:
                return self._refuse(_pending(), f"A message to {topic!r}", self._ended)
            info = self._client.publish(topic, data, qos)
            if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                refused = _pending()
                refused.set_exception(self._too_many())
                return refused
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return self._refuse(_pending(), f"A message to {topic!r}", _LOST)
            published = self._noted_confirmed(topic, info) if qos else self._noted(topic, info)
        self._wake.wake()
        return published

    def _noted_confirmed(self, topic: str, info: paho.MQTTMessageInfo) -> Future[None]:
        self._unconfirmed.append(_Published(topic, info, _pending()))
        return self._unconfirmed[-1].future

    def _noted(self, topic: str, info: paho.MQTTMessageInfo) -> Future[None]:
        """The future of a message that waits to be written, with those before it where it can."""
        waiting = self._unwritten
        if waiting and waiting[-1].topic == topic and waiting[-1].messages < _SHARE_A_FUTURE:
            last = waiting[-1]
            waiting[-1] = _Published(topic, info, last.future, last.messages + 1)
        else:
            waiting.append(_Published(topic, info, _pending()))
        return waiting[-1].future

    def outstanding(self) -> list[Future[None]]:
        """The futures of what was published and is not confirmed or written yet."""
        with self._lock:
            return [one.future for one in (*self._unwritten, *self._unconfirmed)]

    def leave(self) -> None:
        """Send what is queued, say goodbye and end; ``on_end`` is not called."""
        with self._lock:
            self._end_is_wanted = True
            connected = self._client.connected
            if connected is not None:
                connected.gathers = False  # paho closes it as soon as it has given it the goodbye
            if self._ended is None:
                self._client.disconnect()
        self._wake.wake()

    def drop(self, reason: str) -> None:
        """End at once, without a goodbye; ``on_end`` is not called."""
        with self._lock:
            self._end_is_wanted = True
        self._end(reason)
        self._wake.wake()
        if self._thread.ident is None:
            self._release()

    @property
    def runs_here(self) -> bool:
        """Whether this is asked from within a callback."""
        return self._thread is threading.current_thread()

    def join(self, timeout: float) -> bool:
        """Wait until no callback can come any more; whether that is so."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # --- the loop's thread --------------------------------------------------------------------

    def _run(self) -> None:
        reason = _LOST
        try:
            if self._connect():
                refusal = self._serve()
                reason = f"{self._reason} ({refusal})" if refusal else self._reason
        except Exception as error:  # noqa: BLE001 - whatever ended the loop, its end must be told
            _log.exception("The connection to %s broke down", self._endpoint.broker.url)
            reason = f"{type(error).__name__}: {error}"
        finally:
            self._end(_LEFT if self._end_is_wanted else reason)
            self._release()

    def _connect(self) -> bool:
        endpoint = self._endpoint
        try:
            self._client.connect(endpoint.broker.host, endpoint.port, endpoint.keepalive)
        except (OSError, ValueError) as error:
            self._conclude_opening(failures.not_reached(endpoint.broker, endpoint.port, error))
            return False
        return True

    def _serve(self) -> ssl.SSLError | None:
        """Move bytes until the connection ends; what TLS said of that, if anything."""
        connected = served = self._client.connected
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake.reader, selectors.EVENT_READ)
            if connected is not None:
                selector.register(connected, selectors.EVENT_READ)
            while connected is not None and self._ended is None:
                readable = self._await_work(selector, connected)
                self._turn(connected, readable=readable)
                connected = self._client.connected
        refusal = served.refusal if served is not None else None
        if refusal is not None:  # with TLS 1.3, of our certificate: only now, after the handshake
            broker, port = self._endpoint.broker, self._endpoint.port
            self._conclude_opening(failures.not_reached(broker, port, refusal))
        return refusal

    def _await_work(self, selector: selectors.BaseSelector, connected: BufferedSocket) -> bool:
        """Wait until there is something to do; whether that is something to read."""
        self._wake.arm()
        wanted = selectors.EVENT_READ
        if self._client.want_write() or connected.has_unsent:
            wanted |= selectors.EVENT_WRITE
        if selector.get_key(connected).events != wanted:
            selector.modify(connected, wanted)
        has_more = connected.has_more
        ready = selector.select(0 if has_more else _HOUSEKEEPING)
        readable = [key.fileobj for key, events in ready if events & selectors.EVENT_READ]
        self._wake.disarm(was_woken=self._wake.reader in readable)
        return has_more or connected in readable

    def _turn(self, connected: BufferedSocket, *, readable: bool) -> None:
        if readable:
            self._read(connected)
        if self._client.want_write() or connected.has_unsent:
            self._write(connected)
        self._client.loop_misc()
        for done in self._take_done():
            done.future.set_result(None)

    def _read(self, connected: BufferedSocket) -> None:
        """Take in what came together, so that it is handed on and acknowledged together."""
        self._client.loop_read()
        for _ in range(_READ_TOGETHER - 1):
            if self._client.connected is not connected or not connected.has_more:
                break
            self._client.loop_read()
        self._hand_over()

    def _hand_over(self) -> None:
        arrived, self._arrived = self._arrived, []
        is_batch = len(arrived) > 1
        for topic, data, ack in arrived:
            try:
                self._on_message(Inbound(topic, data, ack, is_batch))
            except Exception:  # noqa: BLE001 - a handler's fault must not deafen the connection
                _log.exception("A message at %r could not be handled", topic)
        if is_batch:
            # Also where this was silenced meanwhile, by a loss or by a handler that closes: it is
            # what wakes those who were handed the first of the batch, and brings nothing new.
            self._on_batch_end()

    def _write(self, connected: BufferedSocket) -> None:
        """Send what is queued, together."""
        self._client.loop_write()
        if self._client.connected is not connected:
            return
        try:
            connected.flush()
        except OSError as error:
            self._end(f"{_LOST} ({error})")

    def _take_done(self) -> list[_Published]:
        """What is written or confirmed by now; brokers confirm in order (MQTT-4.6.0-2)."""
        done: list[_Published] = []
        with self._lock:
            if not self._client.want_write():  # which costs less than to ask for each message
                done += self._unwritten
                self._unwritten.clear()
            for waiting in (self._unwritten, self._unconfirmed):
                while waiting and waiting[0].info.is_published():
                    done.append(waiting.popleft())
        return done

    def _release(self) -> None:
        still_open = self._client.socket()
        if still_open is not None:
            still_open.close()
        self._wake.close()

    # --- what paho calls, on the loop's thread ------------------------------------------------

    def _make_client(self) -> BufferedClient:
        client = client_for(self._endpoint)
        client.on_connect = self._answered
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        return client

    def _answered(
        self,
        _client: paho.Client,
        _data: Any,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        _props: Any,
    ) -> None:
        error = None
        self.begins_anew = not (code.is_failure or flags.session_present)
        if code.is_failure:
            broker, port = self._endpoint.broker, self._endpoint.port
            error = failures.turned_away(broker, port, code.value, str(code))
        self._conclude_opening(error)

    def _disconnected(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _props: Any
    ) -> None:
        if code.value == _NO_SIGN_OF_LIFE:
            self._reason = f"no sign of life for {self._endpoint.keepalive} s"

    def _subscribed(
        self, _client: paho.Client, _data: Any, mid: int, codes: list[ReasonCode], _props: Any
    ) -> None:
        with self._lock:
            topic, granted = self._subscribing.pop(mid, ("", None))
        if granted is None:
            return
        if any(code.is_failure for code in codes):
            granted.set_exception(failures.subscription_refused(self._endpoint.broker, topic))
        else:
            granted.set_result(None)

    def _received(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        mid = message.mid
        ack: Callable[[], None] = _nothing_to_acknowledge
        if message.qos:
            with self._lock:
                if message.dup and self._receipts.awaits(mid):
                    # nats-server repeats what is not acknowledged even while the connection lasts
                    return
                receipt = self._receipts.note(mid)
            ack = functools.partial(self._acknowledge, receipt)

        try:
            topic = message.topic
        except UnicodeDecodeError:  # some brokers let others publish where it is no text
            _log.warning("Ignored a message to a topic that is no UTF-8")
            ack()
        else:
            self._arrived.append((topic, bytes(message.payload), ack))

    def _acknowledge(self, receipt: Receipt) -> None:
        """Tell the broker what it may be told now."""
        with self._lock:
            if self._ended is not None:
                return
            for mid in self._receipts.settle(receipt):
                self._client.ack(mid, 1)
        if not self.runs_here:  # the loop itself writes what is queued before it waits again
            self._wake.wake()

    # --- the end ------------------------------------------------------------------------------

    def _end(self, reason: str) -> None:
        """Fail what waits and tell the owner; once."""
        with self._lock:
            if self._ended is not None:
                return
            self._ended = reason
            published = [*self._unwritten, *self._unconfirmed]
            subscribing = list(self._subscribing.values())
            self._unwritten.clear()
            self._unconfirmed.clear()
            self._subscribing.clear()
        self._conclude_opening(failures.hung_up(self._endpoint.broker, self._endpoint.port, reason))
        for one in published:
            self._refuse(one.future, f"A message to {one.topic!r}", reason)
        for topic, granted in subscribing:
            self._refuse(granted, f"The subscription to {topic!r}", reason)
        if not self._end_is_wanted:
            self._on_end(reason)

    def _conclude_opening(self, error: TransportError | None) -> None:
        """Finish the future of :meth:`open`; the first conclusion counts."""
        with self._lock:
            if self._opened.done():
                return
            if error is None:
                self._opened.set_result(None)
            else:
                self._opened.set_exception(error)

    def _refuse(self, future: Future[None], what: str, reason: str) -> Future[None]:
        future.set_exception(failures.disconnected(self._endpoint.broker, what, reason))
        return future

    def _too_many(self) -> TransportError:
        return TransportError(
            "65,535 messages await the broker's confirmation, and MQTT cannot number more."
            " Wait for the futures of earlier ones before publishing again.",
            broker=self._endpoint.broker.url,
        )


class _Published(NamedTuple):  # a frozen class of attrs takes longer to make
    """One message, or several of QoS 0 in a row, of which ``info`` is the last one's."""

    topic: str
    info: paho.MQTTMessageInfo
    future: Future[None]
    messages: int = 1


def _pending() -> Future[None]:
    """A future that nobody can cancel."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future


def _nothing_to_acknowledge() -> None:
    """For QoS 0, where a broker expects no answer."""
