"""Goes through a folder of vector files. Whatever a file holds, the answer is a report."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

from pye2_wire.vectors.cases import Facts, Mismatch
from pye2_wire.vectors.keys import KeyRing
from pye2core import Pye2Error
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pye2_wire.vectors.cases import Case

    Cases = Callable[[Facts, KeyRing], Iterator[Case]]

_SHOWN = 300


class VectorsError(Pye2Error):
    """There are no vectors where they were looked for.

    Attributes:
        folder: where that was.
    """

    def __init__(self, message: str, *, folder: Path) -> None:
        super().__init__(message)
        self.folder = folder


@frozen
class FileReport:
    """What came of one file.

    Attributes:
        name: the file's.
        checked: how many of its cases were checked.
        failures: a line for each case that failed.
        unchecked: a line for each fact that could not be checked, because nothing here knows it.
        is_known: whether files of this name are known at all.
    """

    name: str
    checked: int = 0
    failures: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    is_known: bool = True


def check_folder(
    folder: Path, further: Mapping[str, Cases] = MappingProxyType({})
) -> Iterator[FileReport]:
    """Check the vector files in a folder, in the order of their names.

    A file whose name is not known is reported as such; one whose name is known and whose shape is
    not has failed.

    Args:
        folder: where the files are; other files there, and folders in it, do no harm.
        further: files of other dialects, by name, with what knows their cases.

    Raises:
        VectorsError: there is no such folder, or no vector file in it.

    Example:
        >>> for report in check_folder(Path("vectors")):  # doctest: +SKIP
        ...     print(report.name, report.checked, len(report.failures))
    """
    known = {**_known(), **further}
    files = _files_in(folder)
    if not any(path.name in known for path in files):
        raise VectorsError(
            f"{folder} has no vector file; name a folder with one of: {', '.join(sorted(known))}",
            folder=folder,
        )
    ring = KeyRing.of_folder(folder)
    for path in files:
        if path.name in known:
            yield _report(path, known[path.name], ring)
        else:
            yield FileReport(printable(path.name), is_known=False)


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.is_dir())
    except OSError as error:
        raise VectorsError(
            f"the folder {folder} cannot be read ({error.strerror}); name the folder that the"
            " vector files are in",
            folder=folder,
        ) from error


def _known() -> dict[str, Cases]:
    from pye2_wire.vectors import bodies, ciphers, code, hashes, keys

    return {
        "code_transfer.json": code.transfer_cases,
        "encrypt_decrypt.json": ciphers.cipher_cases,
        "formatters.json": bodies.formatter_cases,
        "hash_sign_verify.json": hashes.hash_cases,
        "heartbeat_v2.json": bodies.heartbeat_cases,
        "keys_addresses.json": keys.key_cases,
        "node_loop_instrumentation.json": code.loop_cases,
        "seed_words.json": keys.word_cases,
        "verify_edge_cases.json": hashes.edge_cases,
    }


def _report(path: Path, cases: Cases, ring: KeyRing) -> FileReport:
    checked, failures, unchecked = 0, [], []
    try:
        content = _content_of(path)
        for case in cases(content, ring):
            checked += 1
            try:
                unchecked += [f"{case.name}: {fact}" for fact in case.check()]
            except Exception as error:  # noqa: BLE001 - whatever it provokes is its failure
                failures.append(f"{case.name}: {_told(error)}")
        unchecked += content.unread
    except Exception as error:  # noqa: BLE001 - a file of another shape is a failure to tell
        failures.append(_told(error))
    if not checked and not failures:
        failures.append("it has no cases")
    failed, unknown = (tuple(map(printable, told)) for told in (failures, unchecked))
    return FileReport(path.name, checked, failed, unknown)


def _content_of(path: Path) -> Facts:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise Mismatch(f"it cannot be read as JSON: {error}") from error
    return Facts(content)


def _told(error: Exception) -> str:
    text = printable(str(error))[:_SHOWN]
    return text if isinstance(error, Mismatch) else f"{type(error).__name__}: {text}"
