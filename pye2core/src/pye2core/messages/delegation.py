"""What a client lets a main node have others do in its name, as a value.

How it is signed and read is told in ``pye2core.delegations``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

UNDELEGATED: Final = "none"
"""In the place of a delegation: a node brings this for somebody who has signed none."""


@frozen
class Delegation:
    """What a main node may have others do for one job of a client.

    Attributes:
        job: the name of the job's pipeline on the main node.
        main_node: the address of the only node that may use it.
        client: the address in whose name that is, and who signs.
        signatures: the signatures that workers may run, in upper case.
        code: the digests of the code that they may run.
        grants: the most that their instances may ask for, as the setting ``GRANTS`` has it.
        not_before: from when on.
        not_after: until when.
        text: as it was signed; empty for one that was not.
    """

    job: str
    main_node: str
    client: str
    signatures: tuple[str, ...]
    code: tuple[str, ...]
    grants: Mapping[str, Any]
    not_before: datetime
    not_after: datetime
    text: str = field(default="", eq=False, repr=False)

    def covers_pipeline(self, name: str) -> bool:
        """Whether a pipeline of this name is one of the job's workers' (section 13)."""
        number = name.removeprefix(f"{self.job}_w_")
        return number != name and number.isascii() and number.isdigit()
