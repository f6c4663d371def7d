"""Which class stands for a signature on the client's side, and PyE2's lists of plugins.

You are in the client room. Signatures are looked up among the installed plugins; the kernel knows
none by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pye2core.client.arguments import check_list, is_kind, is_name, refuse
from pye2core.client.instance import Instance
from pye2core.client.network import lacks
from pye2core.errors import SettingsError, SignatureNotOnNode, UnknownSignature
from pye2core.messages import InstanceConfig
from pye2core.messages.configuration import upper_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pye2core.client.deployment import DeployedPipeline
    from pye2core.client.network import NetworkView
    from pye2core.plugins import PluginRegistry

_FORM: Final = 'plugins are given as [{"SIGNATURE": "…", "INSTANCES": [{"INSTANCE_ID": "…", …}]}]'
_MOST_TOLD = 8


def signature_of(signature: str | type[Instance]) -> str:
    """The name of a signature that was given by its name or by its class.

    Raises:
        TypeError: the class does not say which signature it is for.
        SettingsError: it is neither.
    """
    _check_signature(signature)
    if isinstance(signature, str):
        return signature.upper()
    if signature.SIGNATURE is None:
        message = f"{signature.__name__} names no SIGNATURE; pass the signature's name as text"
        raise TypeError(message)
    return signature.SIGNATURE.upper()


def _check_signature(signature: object) -> None:
    if not is_kind(signature, Instance) and not is_name(signature):
        refuse(
            "signature",
            signature,
            "a plugin's name, as text (`pye2 plugins` lists them), or a subclass of Instance",
        )


def class_of(signature: str | type[Instance], registry: PluginRegistry) -> type[Instance]:
    """The class that stands for a signature.

    Raises:
        UnknownSignature: no installed plugin offers it.
        PluginBroken: the plugin that offers it cannot be used.
        SettingsError: it is neither a name nor a class.
    """
    _check_signature(signature)
    if not isinstance(signature, str):
        return signature
    descriptor = registry.signature(signature)
    if descriptor.client is None:
        return Instance
    found: type[Instance] = registry.load_class(Instance, descriptor, descriptor.client)
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


def check_on_node(signature: str, pipeline: DeployedPipeline) -> None:
    """Refuse a signature that a pipeline's node says that it lacks.

    A node that does not say what it can run, as PyE2's do not, is left to refuse it by itself.

    Raises:
        SignatureNotOnNode: the node lacks it; says what it has and what its owner must install.
    """
    session = pipeline.session
    heartbeat = session.peers.heartbeat(pipeline.node_addr)
    if heartbeat is None or not lacks(heartbeat, signature):
        return
    offered = dict(heartbeat.signatures or {})
    has = ", ".join(f"{name} {version}" for name, version in sorted(offered.items())[:_MOST_TOLD])
    distribution = session.registry.distribution_offering("signature", signature)
    install = f"`pip install {distribution}`" if distribution else "install the plugin that does"
    able = sorted(each.name for each in session.peers.able(signature).values())
    others = f", or use another node: {', '.join(able[:_MOST_TOLD])}" if able else ""
    raise SignatureNotOnNode(
        f"the node {heartbeat.name!r} ({heartbeat.address}) cannot run {signature}; it has"
        f" {has or 'no signatures'}. Have its owner {install} where the node runs and restart it"
        f" (`pye2 plugins doctor` there tells what is wrong if it is installed){others}",
        node=heartbeat.address,
        pipeline=pipeline.name,
        signature=signature,
        offered=offered,
    )


def instances_in(plugins: Iterable[Mapping[str, Any]]) -> tuple[InstanceConfig, ...]:
    """The instances in PyE2's list of plugins.

    Args:
        plugins: ``[{"SIGNATURE": …, "INSTANCES": [{"INSTANCE_ID": …, …}]}]``, keys in any case.

    Raises:
        SettingsError: the list is not of this form; says what is missing where.
    """
    return tuple(
        _instance(plugin, instance, f"plugins[{place}]['INSTANCES'][{number}]")
        for place, plugin in enumerate(_dictionaries(plugins, "plugins"))
        for number, instance in enumerate(
            _dictionaries(plugin.get("INSTANCES", ()), f"plugins[{place}]['INSTANCES']")
        )
    )


def _dictionaries(listed: Iterable[Mapping[str, Any]], where: str) -> list[dict[str, Any]]:
    expected = f"a list of dictionaries; {_FORM}"
    parts = check_list(listed, expected, argument=where)
    for place, each in enumerate(parts):
        if not isinstance(each, Mapping):
            refuse(f"{where}[{place}]", each, f"a dictionary; {_FORM}")
    return [upper_keys(each) for each in parts]


def _instance(plugin: Mapping[str, Any], settings: dict[str, Any], where: str) -> InstanceConfig:
    signature, instance_id = plugin.get("SIGNATURE"), settings.pop("INSTANCE_ID", None)
    if not is_name(signature) or not is_name(instance_id):
        missing = "SIGNATURE" if not is_name(signature) else "INSTANCE_ID"
        raise SettingsError(f"{where} has no {missing}; {_FORM}", setting="plugins")
    return InstanceConfig(signature.upper(), instance_id, settings)
