"""Every error that pye2 raises, as one tree.

::

    Pye2Error
    ├── SettingsError                    a setting is missing or cannot be used
    │   └── BrokerUrlError
    ├── PluginError                      something about an installed plugin
    │   ├── PluginBroken
    │   └── PluginConflict
    ├── NotProvided                      no installed plugin offers what was asked for
    │   ├── UnknownTransport
    │   ├── UnknownSignature
    │   └── UnknownPreset
    ├── PresetParameterError
    ├── IdentityError
    │   ├── KeyFileError
    │   ├── InvalidAddress
    │   ├── BadSignature
    │   └── DecryptionFailed
    ├── TransportError
    │   ├── BrokerUnreachable
    │   ├── CredentialsRefused
    │   ├── NotConnected
    │   └── MessageTooLarge
    ├── MessageRejected                  an inbound message that is not acted on
    ├── DialectUnusable                  a peer that cannot be spoken to as strongly as before
    ├── CodeError                        custom code that cannot be sent or run
    │   ├── CodeRefused
    │   ├── CallTimedOut
    │   └── SandboxDied
    ├── ClientError
    │   ├── NodeNotOnline
    │   ├── NoNodeOnline
    │   ├── PipelineNotFound
    │   ├── InstanceNotFound
    │   ├── AlreadyExists
    │   ├── ConfigurationPending
    │   ├── ConfirmationTimeout
    │   ├── DeployFailed
    │   │   └── SignatureNotOnNode
    │   ├── JobFailedError
    │   └── PairingFailed
    └── NodeError
        ├── HomeInUse
        └── InvalidConfiguration
            ├── GrantMissing
            └── DelegationRefused

Each says what happened, to what, and what to do next, and carries as attributes what a program
needs to decide. Add a class here only when some caller would handle it differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Pye2Error(Exception):
    """Base of all errors of pye2."""


class SettingsError(Pye2Error):
    """A setting is missing or cannot be used.

    Attributes:
        setting: the setting's name, as the user would write it.
    """

    def __init__(self, message: str, *, setting: str) -> None:
        super().__init__(message)
        self.setting = setting


class BrokerUrlError(SettingsError):
    """The broker's address cannot be understood.

    Attributes:
        url: the address as given, its password removed.
    """

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(message, setting="broker")
        self.url = url


class PluginError(Pye2Error):
    """Something about an installed plugin.

    Attributes:
        plugin: the plugin's entry-point name.
    """

    def __init__(self, message: str, *, plugin: str) -> None:
        super().__init__(message)
        self.plugin = plugin


class PluginBroken(PluginError):
    """A plugin that offers what was asked for could not be loaded, or failed while it was used.

    Attributes:
        what: what is wrong.
        advice: what to do about it.
        phase: the phase of loading that failed; "use" if it failed later.
    """

    def __init__(self, what: str, *, advice: str, plugin: str, phase: str) -> None:
        super().__init__(f"{what}; {advice}", plugin=plugin)
        self.what = what
        self.advice = advice
        self.phase = phase


class PluginConflict(PluginError):
    """Two plugins offer the same name.

    Attributes:
        what: what is wrong.
        advice: what to do about it.
        name: the name that both offer.
        plugins: the plugins that offer it.
    """

    def __init__(self, what: str, *, advice: str, name: str, plugins: Sequence[str]) -> None:
        super().__init__(f"{what}; {advice}", plugin=plugins[0])
        self.what = what
        self.advice = advice
        self.name = name
        self.plugins = tuple(plugins)


class NotProvided(Pye2Error):
    """No installed plugin offers what was asked for.

    Attributes:
        kind: the kind of thing ("transport", "signature", …).
        name: what was asked for.
    """

    def __init__(self, message: str, *, kind: str, name: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name


class UnknownTransport(NotProvided):
    """No installed transport serves this URL scheme."""


class UnknownSignature(NotProvided):
    """No installed plugin offers this signature."""


class UnknownPreset(NotProvided):
    """No installed plugin offers this preset."""


class PresetParameterError(Pye2Error):
    """A preset was given a parameter that it cannot use, or lacks one that it needs.

    Attributes:
        preset: the preset's name.
        parameter: the parameter's name.
    """

    def __init__(self, message: str, *, preset: str, parameter: str) -> None:
        super().__init__(message)
        self.preset = preset
        self.parameter = parameter


class IdentityError(Pye2Error):
    """Something about keys, addresses, signatures or encryption."""


class KeyFileError(IdentityError):
    """A key file exists but cannot be used; it was left as it is.

    Attributes:
        path: the file.
    """

    def __init__(self, message: str, *, path: Path) -> None:
        super().__init__(message)
        self.path = path


class InvalidAddress(IdentityError):
    """A text that is not an address.

    Attributes:
        address: the text.
    """

    def __init__(self, message: str, *, address: str) -> None:
        super().__init__(message)
        self.address = address


class BadSignature(IdentityError):
    """A signature does not belong to these bytes and this address."""


class DecryptionFailed(IdentityError):
    """A ciphertext was not made for this pair of addresses, or was changed on its way."""


class TransportError(Pye2Error):
    """Something between this process and the broker.

    Attributes:
        broker: the broker's URL without its password.
    """

    def __init__(self, message: str, *, broker: str) -> None:
        super().__init__(message)
        self.broker = broker


class BrokerUnreachable(TransportError):
    """Nothing answers at the broker's address."""


class CredentialsRefused(TransportError):
    """The broker refused the user name or password."""


class NotConnected(TransportError):
    """The connection was closed before the message could be sent."""


class MessageTooLarge(TransportError):
    """A message is larger than a message may be.

    Attributes:
        size: bytes of the encoded message.
        limit: bytes that are allowed.
    """

    def __init__(self, message: str, *, broker: str, size: int, limit: int) -> None:
        super().__init__(message, broker=broker)
        self.size = size
        self.limit = limit


class MessageRejected(Pye2Error):
    """An inbound message is not acted on.

    Attributes:
        reason: a word a program can compare: "size", "shape", "signature", "numpy2-signature" (a
            payload that PyE2 on NumPy 2 signed wrongly; a session can be told to accept those),
            "recipient", "replay", "not-allowed", "unencrypted", "decryption", "name-taken",
            "crowded", "stale" (from a connection of a node that has ended), "unsupported",
            "expired" (a command that came too late), "downgrade" (in a weaker dialect than its
            sender is known to speak to us), "introduction" (what somebody tells of a dialect that
            it speaks cannot be believed), "pairing" (a request to be paired that comes to
            nothing).
        sender: the address the message claims to come from, if it could be read.
        pipeline: the name of the pipeline that a command is about, if that could be read.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        sender: str | None = None,
        pipeline: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.sender = sender
        self.pipeline = pipeline


class DialectUnusable(Pye2Error):
    """A peer speaks a dialect in which it cannot be spoken to now; nothing was sent.

    It is not spoken to in a weaker one.

    Attributes:
        address: the peer's.
        dialect: the dialect's name.
    """

    def __init__(self, message: str, *, address: str, dialect: str) -> None:
        super().__init__(message)
        self.address = address
        self.dialect = dialect


class CodeError(Pye2Error):
    """Custom code cannot be read, sent or run."""


class CodeRefused(CodeError):
    """Custom code uses what does not exist, or is not allowed, where it would run.

    Attributes:
        problems: every problem that was found, each with its line.
    """

    def __init__(self, message: str, *, problems: Sequence[object]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class CallTimedOut(CodeError):
    """A call of custom code took longer than it may and its process was killed.

    Attributes:
        seconds: how long it was given.
    """

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class SandboxDied(CodeError):
    """The process that ran custom code ended during a call.

    Attributes:
        code: its exit code, if it exited.
        signal: the signal that ended it, if one did.
    """

    def __init__(self, message: str, *, code: int | None, signal: int | None) -> None:
        super().__init__(message)
        self.code = code
        self.signal = signal


class ClientError(Pye2Error):
    """Something that a session was asked to do and could not."""


class NodeNotOnline(ClientError):
    """The node that was named has not been heard from.

    Attributes:
        node: the name or address that was given.
    """

    def __init__(self, message: str, *, node: str) -> None:
        super().__init__(message)
        self.node = node


class NoNodeOnline(ClientError):
    """No node that this client may use has been heard from."""


class PipelineNotFound(ClientError):
    """The node has no pipeline of that name.

    Attributes:
        node: the node's address.
        pipeline: the pipeline's name.
    """

    def __init__(self, message: str, *, node: str, pipeline: str) -> None:
        super().__init__(message)
        self.node = node
        self.pipeline = pipeline


class InstanceNotFound(ClientError):
    """The pipeline has no such instance.

    Attributes:
        signature: the signature that was asked for.
        instance_id: the instance's id.
    """

    def __init__(self, message: str, *, signature: str, instance_id: str) -> None:
        super().__init__(message)
        self.signature = signature
        self.instance_id = instance_id


class AlreadyExists(ClientError):
    """A pipeline or instance of that name is there already.

    Attributes:
        name: the name that is taken.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class ConfigurationPending(ClientError, ValueError):
    """A configuration was changed while an earlier change awaits its confirmation."""


class ConfirmationTimeout(ClientError, TimeoutError):
    """A node did not confirm a command in time.

    Attributes:
        node: the node's address.
        pipeline: the pipeline's name.
        missing: what was not confirmed, in words.
    """

    def __init__(self, message: str, *, node: str, pipeline: str, missing: Sequence[str]) -> None:
        super().__init__(message)
        self.node = node
        self.pipeline = pipeline
        self.missing = tuple(missing)


class DeployFailed(ClientError):
    """A node refused a command, or an instance could not be started.

    Attributes:
        node: the node's address.
        pipeline: the pipeline's name.
        reason: what the node said.
    """

    def __init__(self, message: str, *, node: str, pipeline: str, reason: str) -> None:
        super().__init__(message)
        self.node = node
        self.pipeline = pipeline
        self.reason = reason


class SignatureNotOnNode(DeployFailed):
    """A node says that it cannot run a signature; nothing was sent.

    Attributes:
        signature: what it lacks.
        offered: what it can run, each with its version.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str,
        pipeline: str,
        signature: str,
        offered: Mapping[str, str],
    ) -> None:
        reason = f"the node lacks {signature}"
        super().__init__(message, node=node, pipeline=pipeline, reason=reason)
        self.signature = signature
        self.offered = dict(offered)


class JobFailedError(ClientError):
    """A distributed job cannot succeed and was ended.

    Attributes:
        pipeline: the job's pipeline.
        reason: what the main node said.
    """

    def __init__(self, message: str, *, pipeline: str, reason: str) -> None:
        super().__init__(message)
        self.pipeline = pipeline
        self.reason = reason


class PairingFailed(ClientError):
    """A client and a node were not paired.

    Attributes:
        reason: a word a program can compare: "code" (what was typed is none), "no-offer" (no node
            that is heard can be paired with), "wrong-code", "expired", "used", "closed" (the node
            broke off), "no-answer", "name-pinned" (another node has the name).
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class NodeError(Pye2Error):
    """Something about running a node."""


class HomeInUse(NodeError):
    """Another process runs the node of this home folder.

    Attributes:
        path: the home folder.
    """

    def __init__(self, message: str, *, path: Path) -> None:
        super().__init__(message)
        self.path = path


class InvalidConfiguration(NodeError):
    """A pipeline or instance configuration cannot be run.

    Attributes:
        pipeline: the pipeline's name, if it has one.
    """

    def __init__(self, message: str, *, pipeline: str | None) -> None:
        super().__init__(message)
        self.pipeline = pipeline


class GrantMissing(InvalidConfiguration):
    """An instance asks for what the node's owner has not granted to who set it up.

    Attributes:
        pipeline: the pipeline's name.
        address: whom it would have to be granted to.
        lacking: what is missing, by the keys of ``GRANTS``.
        command: what the owner would have to run.
    """

    def __init__(
        self,
        message: str,
        *,
        pipeline: str | None,
        address: str,
        lacking: Mapping[str, object],
        command: str,
    ) -> None:
        super().__init__(message, pipeline=pipeline)
        self.address = address
        self.lacking = lacking
        self.command = command


class DelegationRefused(InvalidConfiguration):
    """Work that a node brings for a client is not covered by a delegation of that client.

    Attributes:
        pipeline: the pipeline that it is about, or the one of the job, if that is known.
    """
