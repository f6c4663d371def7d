"""The kinds of plugin that can be begun, and in what they differ besides their templates.

You are in the scaffold, at its bottom: nothing here names a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from pye2_cli.scaffold.naming import Names

_CONTRACTS = "contracts"
_WITH_NETWORK = "contracts,network"


@frozen
class Kind:
    """A kind of plugin.

    Attributes:
        name: the kind in the kernel's words, and the folder of its templates.
        offers: what a plugin of this kind offers; a pattern of its names.
        description: one line for package indexes; the same.
        test_extras: the extras of pye2-testing that its tests need.
        requires: what it requires besides the kernel and attrs.
    """

    name: str
    offers: str
    description: str
    test_extras: str
    requires: tuple[str, ...] = ()

    def offer(self, names: Names) -> str:
        """The name of what the plugin offers: a scheme, a dialect, a signature, a preset."""
        return self.offers.format(plugin=names.plugin, constant=names.constant)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("transport", "{plugin}", "A pye2 transport: the URL scheme {offer}.", _CONTRACTS),
        Kind(
            "serializer",
            "{plugin}",
            "A wire dialect for pye2: {offer}.",
            _WITH_NETWORK,
            requires=("cattrs>=24.1",),
        ),
        Kind("signature", "{constant}_01", "A pye2 signature: {offer}.", _WITH_NETWORK),
        Kind("preset", "{constant}", "A piece of distributed pye2 jobs: {offer}.", _WITH_NETWORK),
    )
}
