"""The file that keeps an identity from one start to the next.

You are in the identity room, at the one place of it that touches the disk (`safe_files` does the
writing). A key is made at first use, for its owner's eyes only, and appears under its name complete
or not at all, so that processes that start at the same moment all end with the same key. A file
that cannot be used, or that others can read, is reported and left as it is: PyE2 replaces it, and
with it the address that others have allowed.
"""

import logging
import os
import stat
from pathlib import Path

from attrs import field, frozen

from pye2core.errors import IdentityError, KeyFileError
from pye2core.identity import safe_files
from pye2core.identity.keys import Identity
from pye2core.identity.passphrases import Passphrases

_PROTECTED_MARKS = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")
"""What PEM says of a protected key: PKCS#8 as PyE2 and pye2 write it, and OpenSSL's older way."""

_LARGEST_KEY_FILE = 64 * 1024

_HOW_TO_GO_ON = (
    " Restore it from a copy; or move it away and start again to get a new key, whose new address "
    "must then be allowed where the old one was."
)

_log = logging.getLogger("pye2core.identity")


@frozen
class KeyFile:
    """A key file and what can be said of it.

    Attributes:
        path: where it is.
        mode: its permissions, as `chmod` takes them; they mean nothing on Windows.
        is_protected: whether a passphrase is needed to read the key.
        identity: the key in it.
        passphrase: what it is protected with; None if it is not.
    """

    path: Path
    mode: int
    is_protected: bool
    identity: Identity
    passphrase: str | None = field(default=None, repr=False)


def load_or_create_key(path: Path, password: str | Passphrases | None = None) -> Identity:
    """Load the key in this file; make a new one if there is no such file.

    Missing folders are made too. A new file can be read by its owner only (mode 0600).

    Args:
        path: The key file, for example `_local_cache/_data/_pk_sdk.pem`.
        password: What the key is, or shall be, protected with, or where that is to be looked for;
            None for an unprotected one. A new key is protected only by what is given: nobody is
            asked at the terminal.

    Returns:
        The identity. Processes that start together on one path get the same one.

    Raises:
        KeyFileError: The file cannot be read, is no key, others can read it, the password is wrong
            or missing, or a new file cannot be made. A file that exists is never changed.
        SettingsError: A variable that should give the passphrase cannot be used.
    """
    # A dangling link is something that its owner put there: it counts as existing.
    if not os.path.lexists(path):
        _create_unless_there(path, password)
    return load_key(path, password)


def load_key(path: Path, password: str | Passphrases | None = None) -> Identity:
    """Load the key in this file.

    Args:
        path: The key file.
        password: What the key is protected with, if it is, or where that is to be looked for.

    Raises:
        KeyFileError: There is no such file, it cannot be read, others can read it, it is no key, or
            the password is wrong or missing.
        SettingsError: A variable that should give the passphrase cannot be used.
    """
    return open_key_file(path, password).identity


def open_key_file(path: Path, password: str | Passphrases | None = None) -> KeyFile:
    """Load the key in this file, and tell what there is to tell of the file.

    Args:
        path: The key file.
        password: As for `load_key`.

    Raises:
        KeyFileError: As for `load_key`.
        SettingsError: As for `load_key`.
    """
    mode, pem = _read(path)
    is_protected = any(mark in pem for mark in _PROTECTED_MARKS)
    try:
        if isinstance(password, Passphrases):
            identity, used = _unlocked(path, pem, password, is_protected=is_protected)
        else:
            identity, used = Identity.from_pem(pem, password), password
    except IdentityError as error:
        what_next = "" if is_protected else _HOW_TO_GO_ON
        raise KeyFileError(
            f"The key file {path} cannot be used. {error} The file is left as it is.{what_next}",
            path=path,
        ) from error
    return KeyFile(path, mode, is_protected, identity, used)


def create_key_file(path: Path, identity: Identity, password: str | None = None) -> None:
    """Write a key to a new file, which its owner alone can read; missing folders are made too.

    Args:
        path: The file; there must be none.
        identity: The key.
        password: Protects it, if given.

    Raises:
        KeyFileError: There is such a file, which is left as it is; or it cannot be made.
    """
    if os.path.lexists(path):
        raise _in_the_way(path)
    try:
        pem = identity.to_pem(password)
        path.parent.mkdir(parents=True, exist_ok=True)
        safe_files.write_new(path, pem)
    except FileExistsError as error:
        # mkdir says so too of a file in the folder's place.
        raise (_in_the_way(path) if os.path.lexists(path) else _not_made(path, error)) from error
    except OSError as error:
        raise _not_made(path, error) from error
    except IdentityError as error:
        raise KeyFileError(f"No key file {path} was made. {error}", path=path) from error


def replace_key(
    path: Path, identity: Identity, password: str | None = None, *, keep_old_as: Path | None = None
) -> None:
    """Put a key in the place of that in a file, at once or not at all.

    Whoever reads the file meanwhile finds the old key or the new one. Where `path` is a link, the
    file that it leads to is replaced.

    Args:
        path: The file; there must be one.
        identity: The new key.
        password: Protects it, if given.
        keep_old_as: Where the old file stays; there must be no such file. None to keep none, for
            the same key with another password.

    Raises:
        KeyFileError: It cannot be done. The old key is where it was.
    """
    try:
        pem = identity.to_pem(password)
        safe_files.replace(path.resolve(strict=True), pem, keep_old_as=keep_old_as)
    except OSError as error:
        raise KeyFileError(
            f"The key file {path} cannot be replaced: {error.strerror or error}. It is left as it "
            "is. Its folder must be one that this user may write to.",
            path=path,
        ) from error
    except IdentityError as error:
        raise KeyFileError(
            f"The key file {path} was not replaced. {error}",
            path=path,
        ) from error


# --- reading --------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[int, bytes]:
    """A file's permissions and what is in it, if nobody else can read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if safe_files.is_open_to_others(mode):
                raise _open_to_others(path, mode)
            return mode, file.read(_LARGEST_KEY_FILE)
    except OSError as error:
        raise KeyFileError(
            f"The key file {path} cannot be read: {error.strerror}. It is left as it is. Make it a "
            "file that this user may read, or name another path.",
            path=path,
        ) from error


def _open_to_others(path: Path, mode: int) -> KeyFileError:
    import shlex  # most key files are for their owner's eyes only

    return KeyFileError(
        f"The key file {path} is not used, because others on this machine can get at it: its mode "
        f"is {mode:03o}. Run `chmod 600 {shlex.quote(str(path))}`. If somebody may have read it, "
        "replace the key (`pye2 key rotate`). Where chmod changes nothing, the file system keeps "
        "no permissions: move the key to one that does, or mount it with umask=077.",
        path=path,
    )


def _unlocked(
    path: Path, pem: bytes, passphrases: Passphrases, *, is_protected: bool
) -> tuple[Identity, str | None]:
    """The key in a file, and the passphrase that it took."""
    if is_protected:
        passphrase = passphrases.to_unlock(path)
        try:
            return Identity.from_pem(pem, passphrase.text), passphrase.text
        except IdentityError as error:
            raise IdentityError(f"{error} (The passphrase is from {passphrase.where}.)") from error
    identity = Identity.from_pem(pem)
    given = passphrases.given()
    if given is not None:
        _log.warning(
            "%s is set, but the key file %s is not protected by a passphrase; "
            "`pye2 key passphrase` protects it",
            given.where,
            path,
        )
    return identity, None


# --- writing --------------------------------------------------------------------------------------


def _create_unless_there(path: Path, password: str | Passphrases | None) -> None:
    """Make a new key file, unless another process is the first to do so."""
    if isinstance(password, Passphrases):
        given = password.given()
        password = None if given is None else given.text
    try:
        create_key_file(path, Identity.generate(), password)
    except KeyFileError:
        # Normally the other process's key; whatever it is, it is looked at next.
        if not os.path.lexists(path):
            raise


def _in_the_way(path: Path) -> KeyFileError:
    return KeyFileError(
        f"There is a key file {path} already; it is left as it is. `pye2 key rotate` replaces a "
        "key and keeps the old one; or move the file away, or name another path.",
        path=path,
    )


def _not_made(path: Path, error: OSError) -> KeyFileError:
    return KeyFileError(
        f"A new key file {path} cannot be made: {error.strerror}. Make its folder one that this "
        "user may write to, or name another path.",
        path=path,
    )
