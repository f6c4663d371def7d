"""The options by which a subcommand finds its network, and what to do where none is found."""

from __future__ import annotations

import click

from pye2core.errors import BrokerUrlError, Pye2Error, SettingsError

takes_broker = click.option(
    "--broker", metavar="URL", help="The broker's URL; PYE2_BROKER or .env otherwise."
)

takes_root_topic = click.option(
    "--root-topic",
    metavar="NAME",
    help="What the names of all channels begin with, to keep networks on one broker apart;"
    " PYE2_ROOT_TOPIC or .env otherwise, else naeural.",
)

_NO_BROKER = (
    "no broker is given: use --broker mqtt://HOST:1883 (or mqtt://USER:PASSWORD@HOST), or set"
    " PYE2_BROKER (or EE_HOSTNAME, EE_PORT, EE_USERNAME, EE_PASSWORD) in the environment or in a"
    " .env file. `pye2 up` starts a broker and nodes on this machine."
)


def told(error: Pye2Error) -> str:
    """What an error says to whoever typed a command; the kernel speaks to who writes a program."""
    is_missing = isinstance(error, SettingsError) and error.setting == "broker"
    return _NO_BROKER if is_missing and not isinstance(error, BrokerUrlError) else str(error)
