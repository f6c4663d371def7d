"""Says what is wrong with a plugin's hook implementations, in the words of its author.

You are beside the loader, which asks here when pluggy has rejected a plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

from pye2core import hookspecs

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "pye2_"


def mistaken_hooks(plugin: Any) -> list[str]:
    """What is wrong with each hook that a plugin implements and that cannot be called."""
    known = {name: _arguments(getattr(hookspecs, name)) for name in _hook_names()}
    return [
        told
        for hook, function in _implementations(plugin)
        if (told := _mistake(hook, _arguments(function), known))
    ]


def _hook_names() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith(_PREFIX)]


def _arguments(function: Any) -> tuple[str, ...]:
    """The parameters of a hook, or of an implementation, that it is given by name."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return ()
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names[1:] if hasattr(function, "__self__") else names


def _implementations(plugin: Any) -> Iterator[tuple[str, Any]]:
    reader = pluggy.PluginManager(hookspecs.PROJECT)
    for name in dir(plugin):
        options = reader.parse_hookimpl_opts(plugin, name)
        if options is not None:
            yield options.get("specname") or name, getattr(plugin, name)


def _mistake(hook: str, given: tuple[str, ...], known: dict[str, tuple[str, ...]]) -> str | None:
    if hook not in known:
        import difflib  # well-meant plugins never come here

        near = difflib.get_close_matches(hook, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(known)}"
        return f"it implements the hook {hook}, which does not exist; {hint}"
    wrong = [name for name in given if name not in known[hook]]
    if not wrong:
        return None
    taken, has = ", ".join(map(repr, wrong)), ", ".join(known[hook]) or "no arguments"
    return f"its {hook} takes {taken}, which that hook does not give: it has {has}"
