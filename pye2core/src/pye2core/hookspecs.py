"""The map of the framework: every hook, typed, with a complete implementation each.

A plugin is a light module (or class) named by an entry point of the group ``pye2``; it holds
functions marked with :data:`hookimpl`. It imports nothing heavy: descriptors name what they
describe by import strings.

Registration hooks are called plugin by plugin, once, while the plugin is loaded; one that raises
costs only its own plugin. Observer hooks are called as things happen, from the thread on which they
happen; one that raises is reported once and changes nothing of what it watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pye2core.abc import Channel
    from pye2core.descriptors import (
        CliCommandDescriptor,
        FormatterDescriptor,
        PresetDescriptor,
        SerializerDescriptor,
        SignatureDescriptor,
        TransportDescriptor,
    )
    from pye2core.errors import MessageRejected
    from pye2core.messages import InstancePath, Message

PROJECT = "pye2"
"""pluggy's project name and the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function as the implementation of the hook of the same name."""


# --- registration ---------------------------------------------------------------------------------


@hookspec
def pye2_register_transports() -> Iterable[TransportDescriptor]:
    """Offer ways to reach a broker.

    Example:
        ::

            from pye2core import TransportDescriptor, hookimpl

            @hookimpl
            def pye2_register_transports():
                return [TransportDescriptor("carrier", ("pigeon",), "my_pigeons.loft:Pigeons")]
    """
    raise AssertionError("a specification is never called")


@hookspec
def pye2_register_serializers() -> Iterable[SerializerDescriptor]:
    """Offer wire dialects.

    Example:
        ::

            from pye2core import SerializerDescriptor, hookimpl

            @hookimpl
            def pye2_register_serializers():
                return [SerializerDescriptor("cbor", "my_cbor.dialect:CborSerializer", strength=5)]
    """
    raise AssertionError("a specification is never called")


@hookspec
def pye2_register_formatters() -> Iterable[FormatterDescriptor]:
    """Offer shapings of message bodies within a dialect.

    Example:
        ::

            from pye2core import FormatterDescriptor, hookimpl

            @hookimpl
            def pye2_register_formatters():
                return [FormatterDescriptor("flat", "pye2", "my_flat.formatter:Flat")]
    """
    raise AssertionError("a specification is never called")


@hookspec
def pye2_register_signatures() -> Iterable[SignatureDescriptor]:
    """Offer plugin signatures: what instances can be.

    Example:
        ::

            from pye2core import SignatureDescriptor, hookimpl

            @hookimpl
            def pye2_register_signatures():
                return [SignatureDescriptor("THERMOMETER_01", runner="my_meter.runner:Thermometer")]
    """
    raise AssertionError("a specification is never called")


@hookspec
def pye2_register_presets() -> Iterable[PresetDescriptor]:
    """Offer named pieces of distributed jobs, or whole ones.

    Example:
        ::

            from pye2core import PresetDescriptor, Stage, hookimpl

            @hookimpl
            def pye2_register_presets():
                return [PresetDescriptor("KEEP_LARGEST", Stage.PROCESS, "my_presets:keep_largest")]
    """
    raise AssertionError("a specification is never called")


@hookspec
def pye2_register_commands() -> Iterable[CliCommandDescriptor]:
    """Offer subcommands of the ``pye2`` command.

    Example:
        ::

            from pye2core import CliCommandDescriptor, hookimpl

            @hookimpl
            def pye2_register_commands():
                return [CliCommandDescriptor("weather", "my_weather.cli:weather", "Show the sky.")]
    """
    raise AssertionError("a specification is never called")


# --- observers ------------------------------------------------------------------------------------


@hookspec
def pye2_message_sent(message: Message, channel: Channel, size: int) -> None:
    """A message of ``size`` bytes was sealed and is on its way, or waits for the broker.

    Example:
        ::

            @hookimpl
            def pye2_message_sent(channel, size):
                traffic[channel.kind] += size
    """


@hookspec
def pye2_message_received(message: Message, channel: Channel, size: int) -> None:
    """A message of ``size`` bytes arrived, was verified and opened.

    A session that accepts what does not verify is told of that, too: ``message.origin.verified``.

    What is of no use here, such as payloads of pipelines that nobody here knows, is dropped unread
    and shows in no hook.

    Example:
        ::

            @hookimpl
            def pye2_message_received(message):
                last_heard[message.origin.sender] = message
    """


@hookspec
def pye2_message_rejected(error: MessageRejected, channel: Channel, size: int) -> None:
    """A message of ``size`` bytes arrived and is not acted on.

    Example:
        ::

            @hookimpl
            def pye2_message_rejected(error):
                rejections[error.reason] += 1
    """


@hookspec
def pye2_node_started(name: str, address: str) -> None:
    """A node is connected and takes commands.

    Example:
        ::

            @hookimpl
            def pye2_node_started(name):
                systemd_notify("READY=1", name)
    """


@hookspec
def pye2_node_stopped(name: str, address: str) -> None:
    """A node has stopped all instances and is about to disconnect.

    Example:
        ::

            @hookimpl
            def pye2_node_stopped(name):
                systemd_notify("STOPPING=1", name)
    """


@hookspec
def pye2_instance_state_changed(path: InstancePath, state: str) -> None:
    """An instance on this node is now "running", "paused", "failed" or "stopped".

    Example:
        ::

            @hookimpl
            def pye2_instance_state_changed(path, state):
                led.set(path.instance_id, on=state == "running")
    """
