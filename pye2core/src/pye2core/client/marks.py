"""``@remote(…)``: what a function needs, and how it is to be called, said where it is defined.

You are in the client room. The function stays what it is, and can be called here as any other;
``Session.submit`` and its like look at what is noted on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_F = TypeVar("_F", bound="Callable[..., Any]")

REMOTE: Final = "__pye2_remote__"
"""The attribute of a function with what was said."""

_UNSAID: Final = object()


def remote(
    *bare: object,
    nodes: str | Sequence[str] | Any | None = _UNSAID,
    timeout: float | Any | None = _UNSAID,
    retries: int | Any = _UNSAID,
    needs: Mapping[str, Any] | Any | None = _UNSAID,
    grants: Mapping[str, Any] | Any | None = _UNSAID,
    on_output: Callable[[str], object] | Any | None = _UNSAID,
) -> Callable[[_F], _F]:
    """Note on a function what it needs on nodes.

    Args:
        bare: nothing: what it takes has names.
        nodes: the nodes that may run it, by name or address; None for any.
        timeout: seconds after which a call is stopped; None for the most that its node allows.
        retries: how often a call is tried again after being lost with its process or its node;
            never because of what it raised.
        needs: labels that a node must have, numbers being the least that will do, and ``memory``,
            as in ``{"gpu": 1, "memory": "2GiB"}``.
        grants: what the node's owner must have granted, as in ``{"network": True}``; modules that
            are imported need not be said.
        on_output: called with what it prints, as it does.

    Raises:
        SettingsError: it is written without parentheses, or with something that has no name.

    Example:
        >>> @remote(needs={"gpu": 1}, timeout=60)
        ... def score(row):
        ...     return sum(row)
        >>> score([1, 2])
        3
    """
    if bare:
        raise SettingsError(
            "@remote takes what the function needs by name, as in @remote(timeout=60); a function"
            " that needs nothing goes without it",
            setting="remote",
        )
    said = {
        "nodes": nodes,
        "timeout": timeout,
        "retries": retries,
        "needs": needs,
        "grants": grants,
        "on_output": on_output,
    }

    def mark(function: _F) -> _F:
        noted = {name: value for name, value in said.items() if value is not _UNSAID}
        setattr(function, REMOTE, {**getattr(function, REMOTE, {}), **noted})
        return function

    return mark
