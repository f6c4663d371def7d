"""Files for their owner's eyes only, that appear under their name complete or not at all.

You are in the identity room, behind `key_file`. It knows bytes and file systems, and nothing of
keys. What fails raises OSError, and leaves what was there before.
"""

import errno
import os
import stat
from pathlib import Path

_ONLY_OWNER = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def is_open_to_others(mode: int) -> bool:
    """Tell whether these permissions let anybody but the owner get at a file.

    Access lists count, too: what they give to others shows in the group's permissions. On Windows
    the permissions mean nothing: a file has the access rights of its folder.
    """
    return os.name == "posix" and bool(mode & _OTHERS)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that appears under its name complete.

    Raises:
        FileExistsError: There is such a file, or link.
        OSError: It cannot be written, or not so that its owner alone can read it.
    """
    draft = _write_draft(path, content)
    try:
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


def replace(path: Path, content: bytes, *, keep_old_as: Path | None = None) -> None:
    """Put another content under a file's name; there is always one of the two.

    Args:
        path: The file; no link.
        content: What it is to have in it.
        keep_old_as: Another name, beside it, under which the old file stays.

    Raises:
        FileExistsError: There is a file of the other name.
        OSError: It cannot be done; the old content is there.
    """
    draft = _write_draft(path, content)
    try:
        if keep_old_as is not None:
            _keep(path, keep_old_as)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _keep(path: Path, other: Path) -> None:
    try:
        os.link(path, other)
    except FileExistsError:
        raise
    except OSError:
        # Without hard links, as above: a copy.
        _write_exclusively(other, path.read_bytes())


def _write_draft(path: Path, content: bytes) -> Path:
    import secrets

    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write_exclusively(draft, content)
    return draft


def _write_exclusively(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Asked before there is anything to read.
            if is_open_to_others(os.fstat(descriptor).st_mode):
                raise PermissionError(
                    errno.EPERM,
                    "its file system gives everybody the right to read what is on it (a mount with "
                    "umask=077 would not)",
                )
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        path.unlink()
        raise
