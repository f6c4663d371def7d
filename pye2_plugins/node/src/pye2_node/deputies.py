"""In whose name a command comes, and how far that goes.

A node has no wishes of its own: what a main node has others do, it does for a client. So it is the
client whose rights count, as far as the client has signed that (a delegation, PyE2 wire protocol,
section 20). A main node whose word alone suffices is named by the owner: ``may_delegate``.

Called from the transport's threads for each command, and from the node's loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from pye2_node.allow_file import full_address
from pye2_node.desired import Brought
from pye2core.code.grants import read_grants
from pye2core.errors import DelegationRefused, InvalidAddress
from pye2core.messages import DELEGATION, GRANTS, UNDELEGATED, Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_node.allow_list import AllowList
    from pye2_node.changes import IsConfidential
    from pye2_node.desired import DesiredPipeline
    from pye2core.clock import Clock
    from pye2core.messages import Delegation, InstanceConfig, PipelineConfig

_ENDING = frozenset({Action.ARCHIVE_PIPELINE, Action.DELETE_PIPELINE})
_DELEGATED = _ENDING | {Action.UPDATE_PIPELINE}


@frozen
class Authority:
    """Whose rights a command has.

    Attributes:
        address: theirs.
        main_node: the node that brings it for somebody; None where the sender acts for itself.
        delegation: what the command must be covered by; None for nothing.
        only_ends: why it may only end what its main node has brought; None where it may do more.
    """

    address: str
    main_node: str | None = None
    delegation: Delegation | None = None
    only_ends: str | None = None

    @property
    def brought(self) -> Brought | None:
        """What is noted on a pipeline that such a command makes."""
        if self.main_node is None:
            return None
        if self.delegation is None:
            return Brought(self.main_node)
        return Brought(self.main_node, self.delegation.client, self.delegation.job)

    def require_action(self, action: Action) -> None:
        """Refuse what cannot be done with such an authority whatever it is about.

        Raises:
            DelegationRefused: it cannot.
        """
        if self.only_ends is not None and action not in _ENDING:
            raise DelegationRefused(self.only_ends, pipeline=None)
        if self.delegation is not None and action not in _DELEGATED:
            message = (
                f"a delegation covers making, changing and ending the workers of a job, and not"
                f" {action.name}"
            )
            raise DelegationRefused(message, pipeline=None)

    def require_end(self, pipeline: DesiredPipeline) -> None:
        """Refuse to end what another has brought.

        Raises:
            DelegationRefused: it is another's.
        """
        if self.only_ends is None and self.delegation is None:
            return
        brought = pipeline.brought
        if brought is None or brought.main_node != self.main_node:
            name = pipeline.config.name
            message = f"the pipeline {name!r} was not brought by {self.main_node}"
            raise DelegationRefused(message, pipeline=name)

    def require_covered(
        self,
        current: DesiredPipeline | None,
        wanted: PipelineConfig,
        is_confidential: IsConfidential,
    ) -> None:
        """Refuse a pipeline that the delegation does not cover.

        Args:
            current: the pipeline that is there by that name.
            wanted: what it is to become, with all that is kept of it.
            is_confidential: which settings are code.

        Raises:
            DelegationRefused: it does not.
        """
        delegation = self.delegation
        if delegation is None:
            return
        name = wanted.name
        if not delegation.covers_pipeline(name):
            raise _not_covered(f"the pipeline {name!r} is none of its workers", delegation, name)
        if current is not None and current.brought != self.brought:
            raise _not_covered(f"the pipeline {name!r} is somebody else's", delegation, name)
        for instance in wanted.instances:
            _require_instance_covered(delegation, instance, name, is_confidential)


def _require_instance_covered(
    delegation: Delegation, instance: InstanceConfig, name: str, is_confidential: IsConfidential
) -> None:
    signature = instance.signature.upper()
    if signature not in delegation.signatures:
        raise _not_covered(f"it is to run {signature}", delegation, name)
    for key, value in instance.settings.items():
        if is_confidential(signature, key) and not _is_delegated_code(value, delegation):
            what = f"the code in {key} is not the one that was delegated"
            raise _not_covered(what, delegation, name)
    try:
        asked = read_grants(instance.settings.get(GRANTS))
    except ValueError:
        return  # refused as such, and by name, where instances are configured
    lacking = asked.lacking_in(read_grants(delegation.grants))
    if any(lacking):
        raise _not_covered(f"it asks for {lacking}", delegation, name)


def _is_delegated_code(value: object, delegation: Delegation) -> bool:
    from pye2core.delegations import code_digest

    try:
        return code_digest(value) in delegation.code
    except (TypeError, ValueError):
        return False


def _not_covered(what: str, delegation: Delegation, name: str) -> DelegationRefused:
    return DelegationRefused(
        f"{what}, which the delegation of {delegation.client} for its job {delegation.job!r} does"
        " not cover",
        pipeline=name,
    )


class Deputies:
    """Knows what nodes that bring work for others may do here.

    Args:
        allow_list: who is allowed.
        address: this node's address.
        name: this node's name.
        is_node: whether an address was heard of as a node.
        brings: whether a node has brought something that is still to run.
        clock: says what has expired.
    """

    def __init__(
        self,
        allow_list: AllowList,
        address: str,
        name: str,
        *,
        is_node: Callable[[str], bool],
        brings: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._allow_list = allow_list
        self._address = address
        self._name = name
        self._is_node = is_node
        self._brings = brings
        self._clock = clock

    def acts_for_others(self, sender: str, said: str | None) -> bool:
        """Whether a command is brought for somebody else.

        It says so itself; or its sender is a node, for PyE2's main nodes do not say it.

        Args:
            sender: who signed it, in full form.
            said: what it says of in whose name it comes.
        """
        if sender == self._address:
            return said not in {None, UNDELEGATED}
        return said is not None or self._is_node(sender)

    def authority_of(self, sender: str, said: str | None) -> Authority:
        """Whose rights a command has, and how far they go.

        Args:
            sender: who signed it, in full form.
            said: what it says of in whose name it comes.

        Raises:
            DelegationRefused: nobody's who is allowed here; says who would have to be.
        """
        if not self.acts_for_others(sender, said):
            if self._allow_list.allows(sender):
                return Authority(sender)
            raise DelegationRefused(self._let_in(sender, sender), pipeline=None)
        try:
            delegation = self._usable(sender, said)
        except DelegationRefused as refused:
            if self._allow_list.may_delegate(sender):
                return Authority(sender, sender)
            if self._brings(sender):
                return Authority(sender, sender, only_ends=str(refused))
            raise
        return Authority(delegation.client, sender, delegation)

    def _usable(self, sender: str, said: str | None) -> Delegation:
        """The delegation that a command comes with, which is good here and now.

        What is cheap comes first: anybody can send one.
        """
        if said in {None, UNDELEGATED}:
            raise DelegationRefused(self._nobody_signed(sender), pipeline=None)
        from pye2core.delegations import read_delegation, require_in_time, require_signed

        delegation = read_delegation(said or "")
        if delegation.main_node != sender:
            message = (
                f"the delegation of {delegation.client} is for the main node"
                f" {delegation.main_node}, and not for {sender}"
            )
            raise DelegationRefused(message, pipeline=delegation.job)
        if not self._allow_list.allows(delegation.client):
            message = self._let_in(delegation.client, f"{delegation.client}, whose job this is,")
            raise DelegationRefused(message, pipeline=delegation.job)
        require_in_time(delegation, self._clock)
        require_signed(delegation)
        return delegation

    def _let_in(self, address: str, who: str) -> str:
        return f"{who} is not allowed on {self._name}; on the node run: pye2 node allow {address}"

    def _nobody_signed(self, sender: str) -> str:
        return (
            "it brings work for which no client has signed; to trust its word, on"
            f" {self._name} run: pye2 node allow {sender} --may-delegate"
        )


def delegation_in(
    config: InstanceConfig, pipeline: str, own_address: str, clock: Clock
) -> Delegation | None:
    """What the client of an instance lets this node have others do for it.

    It is used only for a client whose the instance is alone. Whoever else had a part in it would
    have others act in that one's name.

    Args:
        config: the instance's.
        pipeline: its pipeline's name.
        own_address: this node's.
        clock: says what has expired.

    Returns:
        The delegation; None if there is none.

    Raises:
        DelegationRefused: it cannot be used here, or now; says why.
    """
    text = config.settings.get(DELEGATION)
    if not isinstance(text, str) or not text:
        return None
    from pye2core.delegations import read_delegation, require_in_time, require_signed

    delegation = read_delegation(text)
    require_signed(delegation)
    if (delegation.main_node, delegation.job) != (own_address, pipeline):
        message = (
            f"the delegation is for the job {delegation.job!r} on {delegation.main_node}; have this"
            " job deployed anew by its client"
        )
        raise DelegationRefused(message, pipeline=pipeline)
    others = sorted({_in_full(each) for each in config.set_by} - {delegation.client})
    if others:
        message = (
            f"the delegation is of {delegation.client}, and the job has settings of"
            f" {', '.join(others)}, too; have one client deploy it as its own"
        )
        raise DelegationRefused(message, pipeline=pipeline)
    require_in_time(delegation, clock)
    return delegation


def _in_full(address: str) -> str:
    try:
        return full_address(address)
    except InvalidAddress:
        return address
