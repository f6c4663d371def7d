"""Makes the files of a distribution from the templates.

You are in the scaffold. All texts are made before the first file is written, and nothing that
exists is touched.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

    from pye2_cli.scaffold.kinds import Kind
    from pye2_cli.scaffold.naming import Names

_SUFFIX = ".tmpl"
_MODULE_FOLDER = "module"


class CannotWrite(Pye2Error):
    """A distribution's folder could not be written.

    Attributes:
        path: the folder, or the file in it.
    """

    def __init__(self, message: str, *, path: Path) -> None:
        super().__init__(message)
        self.path = path


def texts_of(kind: Kind, names: Names) -> dict[Path, str]:
    """The files of a new distribution, by their paths within its folder."""
    templates = files("pye2_cli.scaffold") / "templates"
    offer = kind.offer(names)
    words = {
        "plugin": names.plugin,
        "distribution": names.distribution,
        "module": names.module,
        "Class": names.class_prefix,
        "NAME": names.constant,
        "offer": offer,
        "description": kind.description.format(offer=offer),
        "test_extras": kind.test_extras,
        "requires": "".join(f'  "{each}",\n' for each in kind.requires),
    }
    return {
        path: Template(template.read_text(encoding="utf-8")).substitute(words)
        for folder in ("common", kind.name)
        for path, template in _templates(templates / folder, names)
    }


def _templates(folder: Traversable, names: Names) -> Iterator[tuple[Path, Traversable]]:
    """Each template of a folder, with the path of what it becomes."""
    for each in sorted(folder.iterdir(), key=lambda one: one.name):
        if each.is_dir():
            name = names.module if each.name == _MODULE_FOLDER else each.name
            yield from ((name / path, template) for path, template in _templates(each, names))
        elif each.name.endswith(_SUFFIX):
            yield Path(each.name.removesuffix(_SUFFIX)), each


def write(folder: Path, texts: Mapping[Path, str]) -> None:
    """Write files into a folder that is made for them.

    Raises:
        CannotWrite: something is there already, or the system does not allow it.
    """
    try:
        folder.mkdir()
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise CannotWrite(
            f"{folder} exists, and nothing in it was touched. Choose another name or another place"
            " (--into DIR), or move it away.",
            path=folder,
        ) from error
    except OSError as error:
        raise CannotWrite(
            f"{folder} cannot be written: {error.strerror}. Choose another place: --into DIR.",
            path=Path(error.filename or folder),
        ) from error
