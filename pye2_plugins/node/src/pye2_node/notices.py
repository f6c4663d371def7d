"""What a node says about commands and instances: its notifications, in PyE2's words and codes.

PyE2 wire protocol, section 10. Values only: who sends them, and when, is told in ``commands`` and
``pipelines``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2core.messages import (
    InstancePath,
    Notification,
    NotificationCode,
    NotificationKind,
    Requester,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NODE: Final = InstancePath()

_SHOWN: Final[Mapping[str, Any]] = {"DISPLAYED": True}
_NOT_SHOWN: Final[Mapping[str, Any]] = {"DISPLAYED": False}
"""Whether PyE2's clients show a notification to their users; where it says neither, they decide."""

_NO_FIELDS: Final[Mapping[str, Any]] = {}


@frozen
class Answers:
    """The notifications that answer one command.

    Attributes:
        requester: whose command it is; a client matches answers by it.
    """

    requester: Requester

    @property
    def _who(self) -> str:
        return f"{self.requester.name}:{self.requester.session_id}"

    def received(self, pipeline: str, *, is_new: bool) -> Notification:
        """A pipeline's configuration arrived."""
        what = "for new" if is_new else "to update for existing"
        text = f"Received VALIDATED command {what} pipeline {pipeline!r} from {self._who}"
        return self._normal(text, _NODE, fields=_SHOWN)

    def stored(self, pipeline: str, *, is_new: bool) -> Notification:
        """A pipeline's configuration is taken over, durably."""
        what = "new" if is_new else "existing"
        text = f"Successfully updated {what} configuration for pipeline {pipeline!r}"
        return self._normal(text, InstancePath(pipeline), NotificationCode.PIPELINE_OK)

    def restored(self, pipeline: str) -> Notification:
        """A pipeline is run again after the node was away."""
        text = f"Restored the configuration of pipeline {pipeline!r}"
        return self._normal(text, InstancePath(pipeline), NotificationCode.PIPELINE_OK)

    def instance_stored(self, path: InstancePath) -> Notification:
        """An update of one instance, or a command to it, is taken over."""
        text = f"Successfully updated instance {_told(path)}"
        return self._normal(text, path, NotificationCode.PIPELINE_OK, _SHOWN)

    def batch_stored(self, paths: Sequence[InstancePath]) -> Notification:
        """All that could be taken over of a list of updates is taken over."""
        listed = "\n".join(f"  - {_told(path)}" for path in paths)
        steps = [[path.pipeline, path.signature, path.instance_id] for path in paths]
        return Notification(
            NotificationKind.NORMAL,
            f"Successfully updated {len(paths)} instances with BATCH_UPDATE_PIPELINE_INSTANCE",
            info=f"Instances:\n{listed}",
            requester=self.requester,
            fields={**_SHOWN, "BATCH_UPDATE_PIPELINE_INSTANCE": steps},
        )

    def refused(self, path: InstancePath, reason: str) -> Notification:
        """A configuration, or an update, is not taken over."""
        return Notification(
            NotificationKind.EXCEPTION,
            reason,
            code=NotificationCode.PIPELINE_FAILED,
            path=path,
            info=reason,
            requester=self.requester,
        )

    def pipeline_command_taken(self, pipeline: str) -> Notification:
        """A command came to a pipeline, whose data source has nothing to do with it."""
        text = (
            f"Received the pipeline command for pipeline {pipeline!r}; its data source takes none"
        )
        return self._normal(text, InstancePath(pipeline), fields=_SHOWN)

    def deleted(self, pipeline: str) -> Notification:
        """A pipeline is gone from this node."""
        text = f"Successfully deleted the configuration of pipeline {pipeline!r}"
        return self._normal(text, InstancePath(pipeline))

    def archived(self, pipeline: str) -> Notification:
        """A pipeline is closed: nothing of it runs any more."""
        text = f"Successfully archived pipeline {pipeline!r}"
        return self._normal(text, InstancePath(pipeline), NotificationCode.PIPELINE_ARCHIVE_OK)

    def unknown_pipeline(self, pipeline: str, code: NotificationCode | None = None) -> Notification:
        """A pipeline that is to be closed, or told something, is not there."""
        return Notification(
            NotificationKind.ABNORMAL,
            f"There is no pipeline {pipeline!r} on this node",
            code=code,
            path=InstancePath(pipeline),
            requester=self.requester,
        )

    def node_does(self, what: str) -> Notification:
        """The node does as a whole what it was told."""
        return self._normal(f"The node {what} as {self._who} told it", _NODE)

    def applied(
        self, path: InstancePath, about: Mapping[str, Any] = _NO_FIELDS, *, is_paused: bool = False
    ) -> Notification:
        """An instance runs with the configuration that was sent, or will when its pause is over.

        Args:
            path: the instance.
            about: what notifications of this instance say besides their own.
            is_paused: whether it does not run at present.
        """
        what = "has its configuration and is paused" if is_paused else "runs with its configuration"
        fields = {**about, **_NOT_SHOWN, "PLUGIN_RUNNING": not is_paused}
        text = f"Instance {_told(path)} {what}"
        return self._normal(text, path, NotificationCode.PLUGIN_CONFIG_OK, fields)

    def applied_in_pause(self, path: InstancePath, about: Mapping[str, Any]) -> Notification:
        """An instance that is paused has taken over the configuration that was sent."""
        text = f"Instance {_told(path)} was configured while it is paused"
        return self._normal(text, path, NotificationCode.PLUGIN_CONFIG_IN_PAUSE_OK, about)

    def not_applied(
        self,
        path: InstancePath,
        reason: str,
        info: str,
        about: Mapping[str, Any] = _NO_FIELDS,
    ) -> Notification:
        """An instance cannot run with the configuration that was sent."""
        return Notification(
            NotificationKind.EXCEPTION,
            reason,
            code=NotificationCode.PLUGIN_CONFIG_FAILED,
            path=path,
            info=info,
            requester=self.requester,
            fields=dict(about),
        )

    def command_done(
        self, path: InstancePath, about: Mapping[str, Any] = _NO_FIELDS
    ) -> Notification:
        """An instance has carried out a command."""
        text = f"Instance {_told(path)} took the command"
        fields = {**about, **_SHOWN}
        return self._normal(text, path, NotificationCode.PLUGIN_INSTANCE_COMMAND_OK, fields)

    def command_failed(
        self,
        path: InstancePath,
        reason: str,
        info: str,
        about: Mapping[str, Any] = _NO_FIELDS,
    ) -> Notification:
        """An instance could not carry out a command."""
        return Notification(
            NotificationKind.EXCEPTION,
            reason,
            code=NotificationCode.PLUGIN_INSTANCE_COMMAND_FAILED,
            path=path,
            info=info,
            requester=self.requester,
            fields=dict(about),
        )

    def _normal(
        self,
        text: str,
        path: InstancePath,
        code: NotificationCode | None = None,
        fields: Mapping[str, Any] = _NO_FIELDS,
    ) -> Notification:
        return Notification(
            NotificationKind.NORMAL,
            text,
            code=code,
            path=path,
            requester=self.requester,
            fields=dict(fields),
        )


def not_allowed(sender: str, node: str) -> Notification:
    """The answer to someone whose commands this node does not take."""
    text = f"{sender} is not allowed on {node}; on the node run: pye2 node allow {sender}"
    return Notification(
        NotificationKind.ABNORMAL,
        text,
        code=NotificationCode.COMM_RECEIVED_BAD_COMMAND,
        info=f"{text} (with the --home or --name that the node was started with)",
        requester=Requester(address=sender),
        fields={"REFUSED_ADDRESS": sender},
    )


def not_encrypted(requester: Requester, node: str) -> Notification:
    """The answer to a command in clear where the node takes only those that others cannot read."""
    text = (
        f"{node} takes encrypted commands only: encrypt them for the node's address"
        " (encrypt_comms=True)"
    )
    return Notification(
        NotificationKind.ABNORMAL,
        text,
        code=NotificationCode.COMM_RECEIVED_BAD_COMMAND,
        info=f"{text}; or have its owner start it without --encrypted-commands-only",
        requester=requester,
    )


def _told(path: InstancePath) -> str:
    return f"{path.pipeline}:{path.signature}:{path.instance_id}"
