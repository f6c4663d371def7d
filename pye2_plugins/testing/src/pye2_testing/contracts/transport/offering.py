"""What a transport's plugin offers: the class's own features, its schemes, and a light module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pye2_testing.contracts.offers import (
    implementation,
    modules_imported_with,
    offered_with_implementation,
)
from pye2_testing.contracts.transport.promises import Promises
from pye2core import TransportDescriptor

if TYPE_CHECKING:
    from types import ModuleType


class Offering(Promises):
    """The descriptor says of the class what is so, and costs who reads it nothing.

    Attributes:
        plugin: the module that the entry point names.
    """

    plugin: ModuleType  # not a ClassVar: mypy takes a module that is assigned to one for an error

    @classmethod
    def descriptor(cls) -> TransportDescriptor:
        """What the plugin offers."""
        return offered_with_implementation(
            cls, "pye2_register_transports", TransportDescriptor, cls.transport
        )

    def test_the_descriptor_promises_what_the_class_does(self) -> None:
        assert self.descriptor().features == self.transport.features

    def test_its_schemes_are_as_urls_have_them(self) -> None:
        schemes = self.descriptor().schemes

        assert schemes
        assert [scheme for scheme in schemes if scheme != scheme.lower()] == []
        assert len(set(schemes)) == len(schemes)

    def test_its_ports_belong_to_its_schemes(self) -> None:
        ports = self.descriptor().default_ports

        assert set(ports) in (set(), set(self.descriptor().schemes))
        assert [port for port in ports.values() if not 0 < port < 1 << 16] == []

    def test_what_is_secured_and_what_it_secures_are_its_schemes(self) -> None:
        secured = self.descriptor().secured_schemes

        assert {*secured, *secured.values()} <= set(self.descriptor().schemes)

    def test_its_settings_are_an_attrs_class(self) -> None:
        settings = self.descriptor().settings

        assert settings is None or attrs.has(implementation(settings))

    def test_the_plugins_module_imports_no_implementation(self) -> None:
        descriptor = self.descriptor()
        named = filter(None, (descriptor.implementation, descriptor.settings))

        assert (
            modules_imported_with(self.plugin, {each.partition(":")[0] for each in named}) == set()
        )
