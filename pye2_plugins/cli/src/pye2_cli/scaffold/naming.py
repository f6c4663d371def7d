"""What follows from a plugin's name, and which names cannot be had.

You are in the scaffold. A plugin ``deep-blue`` comes with the distribution ``pye2-deep-blue``, so
that package indexes list it with the others and its import name ``pye2_deep_blue`` hides no other
package: a transport over Redis may be called ``redis``.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from attrs import frozen

from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from pye2_cli.scaffold.kinds import Kind
    from pye2core import PluginRegistry

PREFIX = "pye2-"

KNOWN = frozenset(
    {
        "amqp",
        "broker",
        "calls",
        "chain-job",
        "cli",
        "collect",
        "compat",
        "core",
        "custom-code",
        "joblib",
        "mqtt",
        "nats",
        "native-wire",
        "node",
        "primes",
        "suite",
        "testing",
        "wire",
    }
)
"""The names of pye2's own distributions, without the prefix, installed or not."""

_LONGEST = 28
"""Characters of a name. The templates' lines keep to 100 with it, twice in one of them."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class UnusableName(Pye2Error):
    """A plugin cannot have that name.

    Attributes:
        name: the name as it was given.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


@frozen
class Names:
    """A plugin's name, and those that follow from it.

    Attributes:
        plugin: "deep-blue", as ``pye2 plugins`` lists it.

    Example:
        >>> names = Names("deep-blue")
        >>> names.distribution, names.module, names.class_prefix, names.constant
        ('pye2-deep-blue', 'pye2_deep_blue', 'DeepBlue', 'DEEP_BLUE')
    """

    plugin: str

    @property
    def distribution(self) -> str:
        """What is installed."""
        return PREFIX + self.plugin

    @property
    def module(self) -> str:
        """What is imported."""
        return self.distribution.replace("-", "_")

    @property
    def class_prefix(self) -> str:
        """What the names of its classes begin with."""
        return "".join(part.capitalize() for part in self.plugin.split("-"))

    @property
    def constant(self) -> str:
        """The name as signatures, presets and environment variables have it."""
        return self.plugin.replace("-", "_").upper()


def names_from(given: str) -> Names:
    """The names of a plugin.

    Args:
        given: the plugin's name, with or without the prefix of its distribution.

    Raises:
        UnusableName: it is no name; says what one looks like.
    """
    plugin = given.removeprefix(PREFIX)
    if _NAME.fullmatch(plugin) and len(plugin) <= _LONGEST:
        return Names(plugin)
    meant = re.sub(r"[^a-z0-9]+", "-", plugin.lower()).strip("-")[:_LONGEST].strip("-")
    hint = f" Try {meant!r}." if _NAME.fullmatch(meant) else ""
    raise UnusableName(
        f"{given!r} cannot be a plugin's name: it has lower-case letters, digits and single hyphens"
        f" between them, begins with a letter and has at most {_LONGEST} characters.{hint}",
        name=given,
    )


def require_free(names: Names, kind: Kind, registry: PluginRegistry) -> None:
    """Pass if nobody has these names yet.

    Args:
        names: of the new plugin.
        kind: what it is to be.
        registry: what is installed.

    Raises:
        UnusableName: a distribution of pye2's has that name, or something installed has it.
    """
    taken_by = _owner(names, kind, registry)
    if taken_by is not None:
        raise UnusableName(
            f"The name {names.plugin!r} is taken: {taken_by}. Choose another, for two that offer"
            " the same are used neither.",
            name=names.plugin,
        )


def _owner(names: Names, kind: Kind, registry: PluginRegistry) -> str | None:
    """Who has these names, in words; None if they are free."""
    if names.plugin in KNOWN:
        return f"{names.distribution} is a distribution of pye2's own"
    for record in registry.records:
        if record.name == names.plugin:
            return f"{record.distribution} {record.version} installs a plugin of that name"
    offer = kind.offer(names).upper()
    for record in registry.records:
        for its_kind, offered in registry.offers(record.name):
            if its_kind == kind.name and offered.upper() == offer:
                return f"{record.distribution} offers the {kind.name} {offered}"
    try:
        installed = version(names.distribution)
    except PackageNotFoundError:
        return None
    return f"{names.distribution} {installed} is installed"
