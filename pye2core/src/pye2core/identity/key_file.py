"""The file that keeps an identity from one start to the next.

You are in the identity room, the one place of it that touches the disk. A key is made at first use,
for its owner's eyes only, and appears under its name complete or not at all, so that processes that
start at the same moment all end with the same key. A file that cannot be used is reported and left
as it is: PyE2 replaces it, and with it the address that others have allowed.
"""

import logging
import os
import stat
from pathlib import Path

from pye2core.errors import IdentityError, KeyFileError
from pye2core.identity.keys import Identity

_ONLY_OWNER = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

_log = logging.getLogger("pye2core.identity")


def load_or_create_key(path: Path, password: str | None = None) -> Identity:
    """Load the key in this file; make a new one if there is no such file.

    Missing folders are made too. A new file can be read by its owner only (mode 0600).

    Args:
        path: The key file, for example `_local_cache/_data/_pk_sdk.pem`.
        password: What the key is, or shall be, protected with; None for an unprotected one.

    Returns:
        The identity. Processes that start together on one path get the same one.

    Raises:
        KeyFileError: The file cannot be read, is no key, the password is wrong, or a new file
            cannot be made. A file that exists is never changed.
    """
    # A dangling link is something that its owner put there: it counts as existing.
    if not os.path.lexists(path):
        _create_key(path, password)
    return load_key(path, password)


def load_key(path: Path, password: str | None = None) -> Identity:
    """Load the key in this file.

    Args:
        path: The key file.
        password: What the key is protected with, if it is.

    Raises:
        KeyFileError: There is no such file, it cannot be read, is no key, or the password is wrong.
    """
    try:
        return Identity.from_pem(_read(path), password)
    except OSError as error:
        raise KeyFileError(
            f"The key file {path} cannot be read: {error.strerror}. It is left as it is. Make it a "
            "file that this user may read, or name another path.",
            path=path,
        ) from error
    except IdentityError as error:
        raise KeyFileError(
            f"The key file {path} cannot be used. {error} The file is left as it is. Restore it "
            "from a copy; or move it away and start again to get a new key, whose new address "
            "must then be allowed where the old one was.",
            path=path,
        ) from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS:
            _log.warning(
                "The key file %s is open to other users of this machine; make it its owner's alone "
                "(mode 600).",
                path,
            )
        return file.read()


def _create_key(path: Path, password: str | None) -> None:
    """Make a new key file, unless another process is the first to do so."""
    try:
        pem = Identity.generate().to_pem(password)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new_file(path, pem)
    except FileExistsError as error:
        # Normally the other process's key; but mkdir says so too of a file in the folder's place.
        if not os.path.lexists(path):
            raise _not_created(path, error) from error
    except OSError as error:
        raise _not_created(path, error) from error
    except IdentityError as error:
        raise KeyFileError(f"No new key file {path} was made. {error}", path=path) from error


def _write_new_file(path: Path, content: bytes) -> None:
    """Write a file that appears under its name complete, or raise FileExistsError."""
    import secrets

    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_exclusively(draft, content)
        try:
            os.link(draft, path)
        except FileExistsError:
            raise
        except OSError:
            # Some file systems (FAT, shared folders of virtual machines) have no hard links. There,
            # a process that starts in the very same moment may find the file incomplete and say so.
            _write_exclusively(path, content)
    finally:
        draft.unlink(missing_ok=True)


def _write_exclusively(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        path.unlink()
        raise


def _not_created(path: Path, error: OSError) -> KeyFileError:
    return KeyFileError(
        f"A new key file {path} cannot be made: {error.strerror}. Make its folder one that this "
        "user may write to, or name another path.",
        path=path,
    )
