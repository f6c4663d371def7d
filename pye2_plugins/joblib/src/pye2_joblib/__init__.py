"""joblib's ``Parallel`` on nodes: importing this registers the backend ``pye2``.

You are above the calls plugin, on both sides of it:

- ``backend``: what joblib asks to run tasks; on the client.
- ``tasks``: what joblib hands over, made ready to be sent.
- ``taking_apart``, ``putting_together``: objects of installed packages to values and back, by way
  of ``forms``; on both sides, never by pickle.
- ``references``: functions and classes by their names, and back.
- ``there``: runs tasks in a node's confined worker; ``scikit_learn`` is what it needs for
  scikit-learn, all of it loaded before the worker is locked.

Example:
    >>> import pye2_joblib
    >>> with joblib.parallel_backend("pye2", session=session):
    ...     GridSearchCV(SVC(), {"C": [1, 10]}).fit(X, y)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblib import register_parallel_backend

if TYPE_CHECKING:
    from pye2_joblib.backend import NodesBackend

__all__ = ["NodesBackend"]


def _make_backend(**given: Any) -> NodesBackend:
    """Make one; what it needs is loaded only then, as nodes load this package too."""
    from pye2_joblib.backend import NodesBackend

    return NodesBackend(**given)


def __getattr__(name: str) -> object:
    if name != "NodesBackend":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pye2_joblib.backend import NodesBackend

    return NodesBackend


register_parallel_backend("pye2", _make_backend)
