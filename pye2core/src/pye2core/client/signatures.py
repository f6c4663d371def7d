"""Which class stands for a signature on the client's side, and PyE2's lists of plugins.

You are in the client room. Signatures are looked up among the installed plugins; the kernel knows
none by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2core.client.instance import Instance
from pye2core.errors import SettingsError, UnknownSignature
from pye2core.messages import InstanceConfig
from pye2core.messages.configuration import upper_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pye2core.client.network import NetworkView
    from pye2core.plugins import PluginRegistry


def signature_of(signature: str | type[Instance]) -> str:
    """The name of a signature that was given by its name or by its class.

    Raises:
        TypeError: the class does not say which signature it is for.
    """
    if isinstance(signature, str):
        return signature.upper()
    if signature.SIGNATURE is None:
        message = f"{signature.__name__} names no SIGNATURE; pass the signature's name as text"
        raise TypeError(message)
    return signature.SIGNATURE.upper()


def class_of(signature: str | type[Instance], registry: PluginRegistry) -> type[Instance]:
    """The class that stands for a signature.

    Raises:
        UnknownSignature: no installed plugin offers it.
        PluginBroken: the plugin that offers it cannot be used.
    """
    if not isinstance(signature, str):
        return signature
    descriptor = registry.signature(signature)
    if descriptor.client is None:
        return Instance
    found: type[Instance] = registry.load(descriptor, descriptor.client)
    return found


def class_for_new(
    signature: str | type[Instance], registry: PluginRegistry, network: NetworkView, node: str
) -> type[Instance]:
    """The class for a new instance on a node.

    A signature that no plugin here knows is taken as a plain ``Instance`` if the node says that it
    runs it, or can.

    Raises:
        UnknownSignature: it is known neither here nor to the node; says what to install.
        PluginBroken: the plugin that offers it cannot be used.
    """
    try:
        return class_of(signature, registry)
    except UnknownSignature:
        if isinstance(signature, str) and network.runs(node, signature):
            return Instance
        raise


def class_for_existing(signature: str | type[Instance], registry: PluginRegistry) -> type[Instance]:
    """The class for an instance that runs; the plain one where no plugin here knows it.

    Raises:
        PluginBroken: the plugin that offers it cannot be used.
    """
    try:
        return class_of(signature, registry)
    except UnknownSignature:
        return Instance


def instances_in(plugins: Iterable[Mapping[str, Any]]) -> tuple[InstanceConfig, ...]:
    """The instances in PyE2's list of plugins.

    Args:
        plugins: ``[{"SIGNATURE": …, "INSTANCES": [{"INSTANCE_ID": …, …}]}]``, keys in any case.

    Raises:
        SettingsError: the list is not of this form; says what is missing where.
    """
    return tuple(
        _instance(plugin, instance, f"plugins[{place}]['INSTANCES'][{number}]")
        for place, plugin in enumerate(map(upper_keys, plugins))
        for number, instance in enumerate(plugin.get("INSTANCES", ()))
    )


def _instance(plugin: Mapping[str, Any], instance: Mapping[str, Any], where: str) -> InstanceConfig:
    settings = upper_keys(instance)
    signature, instance_id = plugin.get("SIGNATURE"), settings.pop("INSTANCE_ID", None)
    if not isinstance(signature, str) or not isinstance(instance_id, str):
        missing = "SIGNATURE" if not isinstance(signature, str) else "INSTANCE_ID"
        raise SettingsError(
            f"{where} has no {missing}; plugins are given as"
            ' [{"SIGNATURE": "…", "INSTANCES": [{"INSTANCE_ID": "…", …}]}]',
            setting="plugins",
        )
    return InstanceConfig(signature.upper(), instance_id, settings)
