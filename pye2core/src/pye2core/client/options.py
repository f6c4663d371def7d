"""What PyE2's ``Session`` could be given besides, and what becomes of it here.

You are in the client room. Names that PyE2 takes are taken; what means nothing here says so.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2core.client.arguments import check_settings, refuse
from pye2core.identity import Identity, Passphrases, load_or_create_key
from pye2core.settings.environment import client_key_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_log = logging.getLogger("pye2core.client")

ALIASES = {
    "hostname": "host",
    "username": "user",
    "pwd": "password",
    "pass": "password",
}
"""Other names of a session's arguments, and what they stand for."""

_WITHOUT_EFFECT = {
    "formatter_plugins_locations": "formatters are installed as plugins",
    "local_cache_base_folder": "the key file is named with key_file",
    "local_cache_app_folder": "the key file is named with key_file",
}


def merged(given: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """A session's connection arguments, with those given under another name.

    Args:
        given: by their own names; None for what was not given.
        extra: what else was given.

    Raises:
        TypeError: something else means nothing; names it and what may have been meant.
    """
    result = dict(given)
    for name, value in extra.items():
        if name in _WITHOUT_EFFECT:
            _log.warning("Session(%s=…) has no effect: %s", name, _WITHOUT_EFFECT[name])
            continue
        target = ALIASES.get(name)
        if target is None:
            raise _unknown(name, [*given, *ALIASES])
        if result[target] is None:
            result[target] = value
    return result


def _unknown(name: str, known: Iterable[str]) -> TypeError:
    import difflib

    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return TypeError(f"Session() has no argument {name!r}{hint}")


@frozen
class KeySource:
    """Where a session's key is.

    Attributes:
        identity: the key itself.
        key_file: the file that it is in, made if there is none; PyE2's place if None.
        blockchain_config: PyE2's dictionary: ``PEM_FILE``, ``PEM_LOCATION`` (a folder's name within
            ``_local_cache``, without the underscore), ``PASSWORD``.
    """

    identity: Identity | None = None
    key_file: str | os.PathLike[str] | None = None
    blockchain_config: Mapping[str, Any] | None = None

    def load(self, variables: Mapping[str, str]) -> Identity:
        """The key.

        Args:
            variables: where its passphrase may be, if ``blockchain_config`` has none.

        Raises:
            KeyFileError: the file exists and cannot be used; it is left as it is.
            SettingsError: something given is no key, no path or no dictionary.
        """
        self._check()
        path = self.path
        if path is None:
            assert self.identity is not None
            return self.identity
        password = (self.blockchain_config or {}).get("PASSWORD")
        if password is None:
            password = Passphrases(variables)
        return load_or_create_key(path, password)

    @property
    def path(self) -> Path | None:
        """The file that it is in; None if it is in none."""
        if self.identity is not None:
            return None
        if self.key_file is not None:
            return Path(self.key_file)
        config = self.blockchain_config or {}
        usual = client_key_path()
        folder = usual.parent.parent / f"_{config.get('PEM_LOCATION', 'data')}"
        return folder / str(config.get("PEM_FILE", usual.name))

    def _check(self) -> None:
        check_settings(blockchain_config=self.blockchain_config)
        if self.identity is not None and not isinstance(self.identity, Identity):
            refuse("bc_engine", self.identity, "a pye2core.identity.Identity, or None")
        if self.key_file is not None and not isinstance(self.key_file, str | os.PathLike):
            refuse("key_file", self.key_file, "the path of a file, or None")
