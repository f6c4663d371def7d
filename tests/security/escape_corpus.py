"""The snippets: what each of them is and tries, and their text with the placeholders filled in.

The files are data, in ``tests/data/escapes``: ``given`` (what others wrote for us, as it came),
``own`` (different in kind), ``abuse`` (of resources), ``twins`` (a harmless one of each family,
which must return its value). Nothing here runs any of them.
"""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA: Final = Path(__file__).parent.parent / "data" / "escapes"
PRELUDE: Final = "@LIBC@"
"""Where a snippet has this line, it has the C library at hand from there on."""
MANY: Final = "@MANY@"
"""Where a snippet has this line, it has almost a megabyte of others."""

_HEADER: Final = re.compile(r"^# ([a-z-]+): (.*)$", re.MULTILINE)

_GIVEN_FAMILIES: Final = {
    "dunder": "001 005 007 029 031 033 035",
    "import": "003 023 025 027",
    "frames": "009 011 013 015 067",
    "guards": "017",
    "format": "019 021",
    "parser": "037 039",
    "numpy-modules": "041 043 063 065",
    "ctypes": "045 109",
    "numpy-files": "047 049 051 053 055",
    "network": "057 083",
    "numpy-memory": "059",
    "shared-state": "061 075 077 079 081",
    "modules": "069 071 073",
    "processes": "085 101 107 113",
    "files": "087",
    "cpu": "089 091 093 095 103 111",
    "memory": "097 099",
    "output": "105",
}

_SECONDS_OF_FAMILIES: Final = {"memory": 8.0, "limits": 8.0}
"""Those whose own limit is to end them, before their time is over."""


@frozen
class Snippet:
    """One snippet.

    Attributes:
        name: unique among all of them.
        folder: the kind of snippet, by where it is kept.
        family: which twin it has.
        headers: what else its first lines say of it.
        text: its source, placeholders and all.
    """

    name: str
    folder: str
    family: str
    headers: Mapping[str, str]
    text: str

    @property
    def kind(self) -> str:
        """What success would look like: value, file, net, tamper, dos."""
        return self.headers.get("kind", "value")

    @property
    def is_slow(self) -> bool:
        """Whether only its time limit, or another limit, ends it."""
        return self.kind == "dos"

    @property
    def seconds(self) -> float:
        """The time limit that it is given."""
        usual = _SECONDS_OF_FAMILIES.get(self.family, 2.0) if self.is_slow else 8.0
        return float(self.headers.get("seconds", usual))

    @property
    def delay(self) -> float:
        """Seconds between two runs of it: as a rule, there is one."""
        return float(self.headers.get("delay", 3600))

    @property
    def value(self) -> Any:
        """What a twin must return."""
        return json.loads(self.headers["value"])

    @property
    def has_collector(self) -> bool:
        """Whether another tenant has a part in it."""
        return "\ndef collect(plugin" in self.text

    def source(self, places: Mapping[str, str], function: str = "job") -> str:
        """What is sent: the snippet as it stands, and a last line that shows what it returned.

        Args:
            places: what stands for each placeholder.
            function: which of its functions is called.
        """
        text = self.text
        for placeholder, place in places.items():
            text = text.replace(placeholder, place)
        if PRELUDE in text:
            text = text.replace(f"  {PRELUDE}\n", (DATA / "prelude.txt").read_text())
        text = text.replace(f"  {MANY}\n", f"  x = [x, {'y' * 80!r}]\n" * 8000)
        # Bytes and the like would not be sent: what was reached must be seen.
        shown = "job(plugin)" if "returns" in self.headers else f"str({function}(plugin))"
        return f"{text}\nreturn {shown}\n"


def snippets(folder: str) -> list[Snippet]:
    """All snippets of a folder that mean something on this kind of machine."""
    found = [_read(path, folder) for path in sorted((DATA / folder).glob("*.py"))]
    here = platform.machine()
    return [each for each in found if each.headers.get("machine", here) == here]


def attacks() -> list[Snippet]:
    """All that try to get out, or to break what others have."""
    return [*snippets("given"), *snippets("own")]


def twins() -> dict[str, Snippet]:
    """Of each family, the harmless one."""
    return {each.family: each for each in snippets("twins")}


def _read(path: Path, folder: str) -> Snippet:
    text = path.read_text(encoding="utf-8")
    headers = dict(_HEADER.findall(text[:2000]))
    family = headers.get("family") or _family_of_given(path.stem)
    is_numbered = path.stem[:3].isdigit()
    name = path.stem if is_numbered else f"{folder}-{path.stem}"
    return Snippet(name, folder, family, headers, text)


def _family_of_given(stem: str) -> str:
    number = stem.partition("_")[0]
    return next(name for name, numbers in _GIVEN_FAMILIES.items() if number in numbers.split())
