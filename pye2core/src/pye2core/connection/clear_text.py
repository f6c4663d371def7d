"""Says so when a password is about to cross a network where everybody can read it.

You are in the connection room. Nothing is refused here: a network may be trusted, or tunnelled.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.settings import BrokerAddress

_log = logging.getLogger("pye2core.connection")


def warn_of_readable_password(broker: BrokerAddress, secured_schemes: Mapping[str, str]) -> None:
    """Warn of a password that goes to another machine without TLS.

    Args:
        broker: where we are about to connect.
        secured_schemes: for each plain scheme of the transport the one that is the same over TLS.
    """
    secured = secured_schemes.get(broker.scheme)
    is_encrypted = broker.tls is not None or broker.scheme in secured_schemes.values()
    is_readable = not is_encrypted and secured is not None and broker.password is not None
    if is_readable and not broker.is_on_this_machine:
        _log.warning(
            "The password for %s is sent without encryption: whoever can listen on the way can read"
            " it, and what is not encrypted end to end. Use %s:// if the broker has TLS.",
            broker.url,
            secured,
        )
