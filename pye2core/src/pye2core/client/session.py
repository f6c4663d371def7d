"""The session: a client's connection to the network, and the door to this room.

You are in the client room. ``session`` puts its parts together; what it says of nodes is in
``session_nodes``, of pipelines in ``session_pipelines``, of transactions in ``session_waiting``.
``ears`` listens; what arrives goes through ``reception``, what is sent through ``commands``.
``closing`` is its end.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Self

from pye2core.client.arguments import (
    check_callbacks,
    check_flags,
    check_names,
    check_nodes,
    check_pins,
    check_settings,
)
from pye2core.client.callbacks import Receipts
from pye2core.client.closing import Closing, second_to
from pye2core.client.network import NetworkView
from pye2core.client.session_pipelines import SessionPipelines
from pye2core.client.session_waiting import SessionWaiting, check_wait
from pye2core.client.transactions import Transactions
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pye2core.clock import Clock
    from pye2core.connection import Connection, ConnectionSettings
    from pye2core.identity import Identity
    from pye2core.plugins import PluginRegistry
    from pye2core.settings import TlsSettings

_NOT_IN_CLIENT_ID = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 40


class Session(SessionPipelines, SessionWaiting):
    """A client's connection to the network of a broker, from its making to :meth:`close`.

    It connects, and is subscribed, before the constructor returns. Callbacks are called on threads
    of their own, one for the session and one for each pipeline and instance that has some: a slow
    or raising callback delays only itself, and may call anything here.

    Attributes:
        name: the session's name.
        address: the address of the session's key, as nodes allow it.
        peers: the nodes, as their heartbeats tell.

    Example:
        >>> with Session("mqtt://user:password@broker.lan") as session:
        ...     session.wait_for_any_node()
        ...     print(session.get_allowed_nodes())
    """

    def __init__(
        self,
        host: str | None = None,
        *,
        broker: str | None = None,
        port: int | str | None = None,
        user: str | None = None,
        password: str | None = None,
        secured: bool | str | None = None,
        cert_path: str | os.PathLike[str] | None = None,
        tls: TlsSettings | None = None,
        name: str = "pySDK",
        encrypt_comms: bool = True,
        config: Mapping[str, Any] | None = None,
        filter_workers: Iterable[str] | None = None,
        log: logging.Logger | None = None,
        on_payload: Callable[..., object] | None = None,
        on_notification: Callable[..., object] | None = None,
        on_heartbeat: Callable[..., object] | None = None,
        silent: bool = True,
        verbosity: int = 1,
        dotenv_path: str | os.PathLike[str] | None = None,
        show_commands: bool = False,
        blockchain_config: Mapping[str, Any] | None = None,
        bc_engine: Identity | None = None,
        root_topic: str | None = None,
        key_file: str | os.PathLike[str] | None = None,
        accept_numpy2_payloads: bool = False,
        pinned_nodes: Mapping[str, str] | None = None,
        registry: PluginRegistry | None = None,
        clock: Clock = SYSTEM_CLOCK,
        **kwargs: Any,
    ) -> None:
        """Connect.

        What is not given is looked for in the environment and in a ``.env`` file; see
        ``pye2core.settings.environment``.

        Args:
            host: the broker as a URL (``mqtt://user:password@host:1883``), or its host alone.
            broker: the broker as a URL.
            port: the broker's port.
            user: None for an anonymous connection; also ``username``.
            password: also ``pwd``, ``pass``.
            secured: whether to use TLS.
            cert_path: the authority to trust instead of the system's; the ``ca_file`` of ``tls``.
            tls: how TLS connections are checked, which they always are, and what we show.
            name: the session's name, which nodes and other clients see.
            encrypt_comms: whether commands are encrypted for their node.
            config: PyE2's dictionary of settings, which wins over all else.
            filter_workers: the only nodes that callbacks are called for, by address or name.
            log: where :meth:`P` writes to; None for standard output.
            on_payload: called with
                ``(session, node_addr, pipeline, signature, instance, payload)``.
            on_notification: called with ``(session, node_addr, payload)``.
            on_heartbeat: called with ``(session, node_addr, heartbeat)``; where they come faster
                than they are taken, with the newest of each node.
            silent: whether the session keeps quiet about its own doings.
            verbosity: what :meth:`P` shows: lines of this verbosity and below.
            dotenv_path: the ``.env`` file, if another than the one that is found.
            show_commands: whether to show each command that is sent.
            blockchain_config: PyE2's dictionary that names the key file.
            bc_engine: the key itself.
            root_topic: the root of all channel names; "naeural" if nothing says otherwise.
            key_file: the key's file, made if there is none. Its passphrase, if it is protected, is
                ``PYE2_KEY_PASSPHRASE``, in a file (``…_FILE``), or asked for at the terminal.
            accept_numpy2_payloads: whether to take payloads of PyE2 nodes on NumPy 2, which sign
                numbers as no receiver reads them. They are refused otherwise
                (``MessageRejected.reason`` "numpy2-signature"). Those that are taken are what their
                node signed, as far as that can be made out; callbacks are given them with
                ``payload.verified`` False.
            pinned_nodes: addresses by name that are known beforehand: nobody else can use these
                names. They count more than those in ``known_nodes.toml`` beside the key file,
                which `pye2 pair` writes. Others belong to whoever is first heard using them.
            registry: the plugins to use instead of the installed ones.
            clock: where to read the time.
            kwargs: PyE2's further names of these.

        Raises:
            SettingsError: no broker is given anywhere, or something given cannot be used.
            BrokerUnreachable: nothing answers at the broker's address.
            CredentialsRefused: the broker says no.
            UnknownTransport: no installed plugin serves the broker's scheme; says what to install.
            KeyFileError: the key file cannot be used, or others can read it; it is left as it is.
            TypeError: an argument means nothing; names it and what may have been meant.
        """
        check_names(name=name)
        check_settings(config=config)
        check_callbacks(
            on_payload=on_payload, on_notification=on_notification, on_heartbeat=on_heartbeat
        )
        check_flags(
            encrypt_comms=encrypt_comms,
            silent=silent,
            show_commands=show_commands,
            accept_numpy2_payloads=accept_numpy2_payloads,
        )
        filtered = check_nodes(filter_workers, argument="filter_workers")
        check_pins(pinned_nodes, argument="pinned_nodes")
        # Loaded with the first session, so that importing this module costs little.
        from pye2core.client.commands import Commands
        from pye2core.client.ears import Ears
        from pye2core.client.known_nodes import with_known_nodes
        from pye2core.client.options import KeySource, merged
        from pye2core.client.pipelines import KnownPipelines
        from pye2core.client.reception import Reception, SessionCallbacks
        from pye2core.connection import ConnectionSettings
        from pye2core.settings.environment import client_settings

        given = merged(
            {"host": host, "port": port, "user": user, "password": password, "secured": secured},
            kwargs,
        )
        self.registry = registry if registry is not None else _installed_plugins()
        settings = client_settings(
            **given,
            broker=broker,
            cert_path=cert_path,
            tls=tls,
            root_topic=root_topic,
            config=config,
            dotenv_path=dotenv_path,
            secured_schemes=self.registry.secured_schemes(),
        )
        key = KeySource(bc_engine, key_file, blockchain_config)
        identity = key.load(settings.environment)
        super().__init__(verbosity=verbosity, output=log)
        self.name = name
        self.address = identity.address
        self.clock = clock
        self._silent = silent
        thread = self.new_callback_thread(f"session {name}")
        client_id = f"{_NOT_IN_CLIENT_ID.sub('-', name)[:_LONGEST_NAME]}_{os.urandom(4).hex()}"
        self._connection = self._connection_to(
            ConnectionSettings(
                settings.broker,
                client_id,
                persistent=True,
                root=settings.root_topic,
                environment=settings.environment,
            ),
            identity,
            key.path,
            frozenset({"numpy2-signature"} if accept_numpy2_payloads else ()),
        )
        self.known_pipelines = KnownPipelines(clock)
        forget_node = self.known_pipelines.forget_node
        self.peers = NetworkView(
            clock,
            self.address,
            with_known_nodes(key.path, pinned_nodes),
            on_forgotten=forget_node,
            place=f"{settings.broker.url}, root topic {settings.root_topic!r}",
        )
        transactions = Transactions(clock, self.address)
        self.commands = Commands(
            self._connection,
            transactions,
            self.peers,
            clock=clock,
            name=name,
            client_id=client_id,
            encrypt=encrypt_comms,
            show=self.P if show_commands else None,
        )
        callbacks = SessionCallbacks(on_payload, on_notification, on_heartbeat, filtered)
        self._reception = Reception(
            self,
            callbacks,
            thread=thread,
            network=self.peers,
            transactions=transactions,
            pipelines=self.known_pipelines,
            receipts=Receipts(self._connection.features.max_unacknowledged),
        )
        self._ears = Ears(
            self._connection,
            self._reception,
            address=self.address,
            call_roll=self.commands.call_roll,
        )
        self._closing = Closing(self, self._connection, thread)
        self._connect()

    # --- life -------------------------------------------------------------------------------------

    def _connection_to(
        self,
        settings: ConnectionSettings,
        identity: Identity,
        key_file: Path | None,
        tolerated: frozenset[str],
    ) -> Connection:
        from pye2core.client.repetitions import Repetitions
        from pye2core.connection import Connection, Dialects, memory_of

        return Connection(
            settings,
            identity,
            # A session is no node, but what it proves its inbox with is what nodes send.
            Dialects.installed(
                self.registry,
                node_name=self.name,
                environment=settings.environment,
                memory=lambda: memory_of(identity.address, key_file),
            ),
            self.registry,
            gate=Repetitions().refuse,
            tolerated=tolerated,
            clock=self.clock,
            on_settled=self._wake_owners,
            on_forgotten=self.warn,
        )

    def _wake_owners(self) -> None:
        self._reception.wake_owners()

    def _connect(self) -> None:
        self._ears.open()
        try:
            self._connection.start()
        except BaseException:
            self._connection.close()
            raise
        self._closing.come_at_exit()
        if not self._silent:
            self.P(f"Connected to {self._connection.settings.broker.url} as {self.address}")

    def hear_results_for(self, address: str) -> None:
        """Hear what nodes send to another client alone, as far as the broker lets us.

        Args:
            address: that client's; waits for the broker where it was not heard before.
        """
        self._ears.hear_results_for(address)

    @property
    def server(self) -> str:
        """The broker's host."""
        return self._connection.settings.broker.host

    @property
    def connected(self) -> bool:
        """Whether the broker is there at this moment."""
        return self._connection.connected

    def close(self, *, close_pipelines: bool = False, wait_close: bool = False) -> None:
        """Send what waits, then disconnect for good; harmless if it is closed.

        Args:
            close_pipelines: whether to close the pipelines that this session made or attached to,
                but for those in which another client has replaced everything.
            wait_close: whether to wait until nodes have confirmed that.

        Raises:
            SettingsError: one of these is neither true nor false.
        """
        check_flags(close_pipelines=close_pipelines, wait_close=wait_close)
        ends = self._closing.close(close_pipelines=close_pipelines, wait=wait_close)
        if ends and not self._silent:
            self.P("Session closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        with second_to(error):
            self.close()

    # --- running ----------------------------------------------------------------------------------

    def run(
        self,
        wait: bool | float | Callable[[], object] = True,  # noqa: FBT001, FBT002 - PyE2's name and place
        *,
        close_session: bool = True,
        close_pipelines: bool = False,
    ) -> None:
        """Let callbacks do their work until it is time to end; Ctrl-C ends it as well.

        Args:
            wait: True for as long as the program runs; a number of seconds (0 for ever); or a
                function, until it returns False: it is asked after each callback, and at least
                every 100 ms.
            close_session: whether to close the session in the end.
            close_pipelines: whether to close its pipelines in the end, and to wait for that.

        Raises:
            JobFailedError: a job of this session cannot succeed; raised after the closing.
            SettingsError: something given cannot be used; nothing was closed.
        """
        check_wait(wait)
        check_flags(close_session=close_session, close_pipelines=close_pipelines)
        failure: BaseException | None = None
        try:
            self.sleep(wait)
        except KeyboardInterrupt:
            self.P("Interrupted")
        except BaseException as error:
            failure = error
            raise
        finally:
            with second_to(failure):
                self._end_run(close_session=close_session, close_pipelines=close_pipelines)

    def _end_run(self, *, close_session: bool, close_pipelines: bool) -> None:
        if close_session:
            self.close(close_pipelines=close_pipelines, wait_close=True)
        elif close_pipelines:
            self._closing.close_pipelines(wait=True)


def _installed_plugins() -> PluginRegistry:
    from pye2core.plugins import installed_plugins

    return installed_plugins()
