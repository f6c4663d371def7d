"""What a session was asked to do and could not.

You are in the errors, of which ``pye2core.errors`` draws the tree; import them from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors.base import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
