"""What a session says of nodes.

You are in the client room; what is known of nodes is in ``network``.
"""

from __future__ import annotations

from pye2core.client.arguments import AT_ONCE, check_flags, check_node, check_seconds
from pye2core.client.parts import SessionParts
from pye2core.printable import printable

NODE_SECONDS = 15.0
"""How long to wait for a node unless told otherwise."""


class SessionNodes(SessionParts):
    """The part of a session that knows nodes."""

    def wait_for_any_node(self, timeout: float = NODE_SECONDS, *, verbose: bool = True) -> bool:
        """Wait until any node is online.

        Args:
            timeout: seconds.
            verbose: whether to show what is waited for.

        Returns:
            Whether one is.

        Raises:
            SettingsError: something given cannot be used.
        """
        check_seconds(AT_ONCE, timeout=timeout)
        check_flags(verbose=verbose)
        if verbose:
            self.P(f"Waiting at most {timeout:g} s for any node to appear online …")
        found = self.peers.wait_until(self.peers.online, timeout)
        if verbose:
            names = sorted(printable(each.name) for each in self.peers.online().values())
            self.P(f"Online: {', '.join(names)}" if found else "No node has appeared.")
        return found

    def wait_for_node(
        self, node: str, /, timeout: float = NODE_SECONDS, *, verbose: bool = True
    ) -> bool:
        """Wait until a node is online; returns at once if it is.

        The node is asked to show itself, so that one that is there is seen within a moment.

        Args:
            node: its name or address.
            timeout: seconds.
            verbose: whether to show what is waited for.

        Returns:
            Whether it is.

        Raises:
            SettingsError: something given cannot be used.
        """
        check_node(node)
        check_seconds(AT_ONCE, timeout=timeout)
        check_flags(verbose=verbose)
        if self.peers.is_online(node):
            return True
        if verbose:
            self.P(f"Waiting at most {timeout:g} s for node {node} to appear online …")
        self.commands.ask_for_heartbeat(node)
        found = self.peers.wait_until(lambda: self.peers.is_online(node), timeout)
        if verbose:
            self.P(f"Node {node} {'is online' if found else 'has not appeared'}.")
        return found

    def check_node_online(self, node: str, /) -> bool:
        """Whether a node, by name or address, was heard from within the last minute.

        Raises:
            SettingsError: that is neither.
        """
        check_node(node)
        return self.peers.is_online(node)

    def get_active_nodes(self) -> list[str]:
        """The addresses of the nodes that are online."""
        return list(self.peers.online())

    def get_allowed_nodes(self) -> list[str]:
        """The addresses of the nodes that are online and take this session's commands.

        A node that is not secured is among them although it may refuse (PyE2 wire protocol,
        section 8).
        """
        return list(self.peers.allowed())

    def get_active_supervisors(self) -> list[str]:
        """The addresses of the nodes that are online and call themselves supervisors."""
        online = self.peers.online()
        return [address for address, each in online.items() if each.is_supervisor]

    def get_node_name(self, node_addr: str) -> str | None:
        """The name of a node that was heard from.

        Raises:
            SettingsError: ``node_addr`` is no text.
        """
        check_node(node_addr, argument="node_addr")
        return self.peers.name_of(node_addr)

    def get_node_signatures(self, node: str) -> dict[str, str] | None:
        """The signatures that a node says that it can run, each with its version.

        Args:
            node: its name or address.

        Returns:
            None where it has not been heard from within the last minute, or does not say, as
            PyE2's nodes do not.

        Raises:
            SettingsError: ``node`` is no text.
        """
        check_node(node)
        heartbeat = self.peers.heartbeat(node)
        stated = None if heartbeat is None else heartbeat.signatures
        return None if stated is None else dict(stated)
