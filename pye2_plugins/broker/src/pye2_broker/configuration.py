"""What the server reads at its start, and why.

Text in, text out; no files, no processes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from pathlib import Path

_MIB = 1024 * 1024
_GIB = 1024 * _MIB

_FREE_PORT = -1
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')


@frozen
class Configuration:
    """What differs from one embedded broker to the next.

    Attributes:
        store: the folder for sessions and messages.
        host: the address that MQTT clients connect to.
        port: the MQTT port; None lets the server take a free one.
        redeliver_after: seconds until an unacknowledged message is sent again.
    """

    store: Path
    host: str
    port: int | None
    redeliver_after: float

    def render(self) -> str:
        """The configuration file's text.

        Nobody is asked who they are, and whoever says it all the same is let in: PyE2 clients
        always send a user name. The server's own port cannot be switched off; it is on the loopback
        interface whatever ``host`` is.

        Of the limits: ``max_payload`` is the kernel's 16 MiB and room for headers. As many as
        ``max_ack_pending`` messages are under way to one subscription, so ``max_pending`` holds
        that many of the largest for each of a connection's two. ``write_deadline`` gives a client
        that is stopped or paging a minute before it is cut off. ``sync_interval`` bounds what a
        power cut can lose; the death of the process loses nothing.
        """
        port = _FREE_PORT if self.port is None else self.port
        return f"""\
server_name: "pye2-embedded"
listen: "127.0.0.1:{_FREE_PORT}"
max_payload: {20 * _MIB}
max_pending: {1 * _GIB}
write_deadline: "60s"
jetstream {{
  store_dir: {_quoted(str(self.store))}
  max_file_store: {8 * _GIB}
  sync_interval: "10s"
}}
mqtt {{
  host: {_quoted(self.host)}
  port: {port}
  max_ack_pending: 32
  ack_wait: "{round(self.redeliver_after * 1000)}ms"
}}
"""


def _quoted(text: str) -> str:
    """``text`` as a string of the server's configuration language, which is not quite JSON's."""
    escaped = _ESCAPED.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return f'"{escaped}"'
