"""What a node says about commands and instances: its notifications, in PyE2's words and codes.

PyE2 wire protocol, section 10. Values only: who sends them, and when, is told in ``commands`` and
``pipelines``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from pye2core.messages import (
    InstancePath,
    Notification,
    NotificationCode,
    NotificationKind,
    Requester,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pye2core.messages import Speaker

_NODE: Final = InstancePath()

PLUGIN_RUNNING: Final = "PLUGIN_RUNNING"
REFUSED_ADDRESS: Final = "REFUSED_ADDRESS"
"""Fields by these names are what users read of a notification, in any dialect: no wire names."""


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
        return self._normal(text, _NODE, is_displayed=True)

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
        return self._normal(text, path, NotificationCode.PIPELINE_OK, is_displayed=True)

    def batch_stored(self, paths: Sequence[InstancePath]) -> Notification:
        """All that could be taken over of a list of updates is taken over."""
        listed = "\n".join(f"  - {_told(path)}" for path in paths)
        text = f"Successfully updated {len(paths)} instances with BATCH_UPDATE_PIPELINE_INSTANCE"
        return evolve(
            self._normal(text, _NODE, is_displayed=True),
            info=f"Instances:\n{listed}",
            instances=tuple(paths),
        )

    def refused(self, path: InstancePath, reason: str) -> Notification:
        """A configuration, or an update, is not taken over."""
        return self._failed(NotificationCode.PIPELINE_FAILED, path, reason, reason, None)

    def pipeline_command_taken(self, pipeline: str) -> Notification:
        """A command came to a pipeline, whose data source has nothing to do with it."""
        text = (
            f"Received the pipeline command for pipeline {pipeline!r}; its data source takes none"
        )
        return self._normal(text, InstancePath(pipeline), is_displayed=True)

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

    # Below, an instance speaks; None where it could not even be made.

    def applied(
        self, path: InstancePath, speaker: Speaker | None, *, pause_reason: str | None = None
    ) -> Notification:
        """An instance runs with the configuration that was sent, or will when its pause is over.

        Args:
            path: the instance.
            speaker: the same, as it speaks.
            pause_reason: why it does not run at present; None if it does.
        """
        is_running = pause_reason is None
        what = "runs with its configuration"
        if not is_running:
            what = f"has its configuration and is paused: {pause_reason}"
        return evolve(
            self._normal(
                f"Instance {_told(path)} {what}",
                path,
                NotificationCode.PLUGIN_CONFIG_OK,
                is_displayed=False,
                speaker=speaker,
            ),
            info=pause_reason,
            fields={PLUGIN_RUNNING: is_running},
        )

    def applied_in_pause(
        self, path: InstancePath, reason: str, speaker: Speaker | None
    ) -> Notification:
        """An instance that is paused, for a reason, has taken over the configuration."""
        text = f"Instance {_told(path)} was configured while it is paused: {reason}"
        code = NotificationCode.PLUGIN_CONFIG_IN_PAUSE_OK
        return evolve(self._normal(text, path, code, speaker=speaker), info=reason)

    def not_applied(
        self, path: InstancePath, reason: str, info: str, speaker: Speaker | None = None
    ) -> Notification:
        """An instance cannot run with the configuration that was sent."""
        return self._failed(NotificationCode.PLUGIN_CONFIG_FAILED, path, reason, info, speaker)

    def command_done(self, path: InstancePath, speaker: Speaker | None) -> Notification:
        """An instance has carried out a command."""
        text = f"Instance {_told(path)} took the command"
        code = NotificationCode.PLUGIN_INSTANCE_COMMAND_OK
        return self._normal(text, path, code, is_displayed=True, speaker=speaker)

    def command_failed(
        self, path: InstancePath, reason: str, info: str, speaker: Speaker | None = None
    ) -> Notification:
        """An instance could not carry out a command."""
        code = NotificationCode.PLUGIN_INSTANCE_COMMAND_FAILED
        return self._failed(code, path, reason, info, speaker)

    def _normal(
        self,
        text: str,
        path: InstancePath,
        code: NotificationCode | None = None,
        *,
        is_displayed: bool | None = None,
        speaker: Speaker | None = None,
    ) -> Notification:
        return Notification(
            NotificationKind.NORMAL,
            text,
            code=code,
            path=path,
            requester=self.requester,
            speaker=speaker,
            is_displayed=is_displayed,
        )

    def _failed(
        self,
        code: NotificationCode,
        path: InstancePath,
        reason: str,
        info: str,
        speaker: Speaker | None,
    ) -> Notification:
        return Notification(
            NotificationKind.EXCEPTION,
            reason,
            code=code,
            path=path,
            info=info,
            requester=self.requester,
            speaker=speaker,
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
        fields={REFUSED_ADDRESS: sender},
    )


def not_delegated(requester: Requester, why: str) -> Notification:
    """The answer to a node that brings work for somebody who is not allowed, or has not signed."""
    return Notification(
        NotificationKind.ABNORMAL,
        why,
        code=NotificationCode.COMM_RECEIVED_BAD_COMMAND,
        info=f"{why} (with the --home or --name that the node was started with)",
        requester=requester,
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
