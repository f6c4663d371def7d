"""What the ``plugin`` object needs from the worker that it lives in: the seam between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class InstanceState:
    """What the worker knows of the instance whose code it runs.

    Attributes:
        settings: the instance's configuration, by upper-case key.
        surroundings: where it runs: node, pipeline, signature, instance.
        iteration: how many calls came before the present one.
        payloads_left: how many payloads the present call may still send.
        functions: the functions that are defined for it.
    """

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.surroundings: dict[str, str] = {}
        self.iteration = 0
        self.payloads_left = 0
        self.functions: Mapping[str, Callable[..., object]] = {}


class PluginHost(Protocol):
    """The worker, as the ``plugin`` object sees it.

    Attributes:
        state: what is known of the instance.
    """

    state: InstanceState

    def log(self, text: str) -> None:
        """Take text, line ends included, to the node's log."""

    def hit_limit(self, name: str) -> None:
        """Tell the node that a limit was hit."""

    def send_payload(self, fields: str) -> None:
        """Send the payload whose fields are this JSON text; raises ValueError if too large."""

    def save(self, name: str, text: str) -> None:
        """Have the node keep a text by name; raises ValueError if it does not take it."""

    def load(self, name: str) -> str | None:
        """The text that the node keeps under a name, or None; raises ValueError for a bad name."""

    def make_function(
        self, name: str, source: str, parameters: Sequence[str]
    ) -> Callable[..., object]:
        """Check and compile a source; raises ValueError with all problems if it is refused."""
