"""Functions and values go between different Pythons, with whatever others this machine has.

The other side is a process of another interpreter, which has our packages on its path and what is
plain Python of those that they need. Where there is none, that is said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import msgpack
import pytest
import shipping_travellers as travellers

import pye2_calls
import pye2_node
import pye2core

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHERS = [each for each in ("3.11", "3.12", "3.13", "3.14") if each != OWN]
NEWER = {
    "f-strings with their own quotes": ("3.12", 'def sent(x):\n    return f"{ {"a": x}["a"]}"\n'),
    "type parameters": ("3.12", "def sent[T](x: T) -> T:\n    return x\n"),
    "type aliases": ("3.12", "def sent(x):\n    type Number = int\n    return x\n"),
    "except without parentheses": (
        "3.14",
        "def sent(x):\n    try:\n        return x\n    except KeyError, TypeError:\n        pass\n",
    ),
}
"""Of what earlier Pythons lack: since when it is there, and a function with it."""


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def found_python(version: str) -> str:
    """Another interpreter of that version, on the path or where pyenv keeps them."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [*map(str, kept.glob(f"{version}.*/bin/python")), shutil.which(f"python{version}")]
    for place in filter(None, places):
        command = [place, "-c", "import sys, ctypes; print(sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip() == str(_number(version)):
            return place
    return pytest.skip(
        f"this machine has no Python {version}: nothing was tried between it and {OWN}"
    )


@pytest.fixture(params=OTHERS)
def there(request: pytest.FixtureRequest, tmp_path: Path):
    """As ``other_side``, in each of them."""
    return other_side(str(request.param), tmp_path)


def other_side(version: str, tmp_path: Path):
    """Runs ``shipping_travellers`` in the other interpreter; gives what it wrote."""
    python = found_python(version)
    packages = {Path(each.__file__).parents[1] for each in (pye2_calls, pye2_node, pye2core)}
    packages |= {Path(each.__file__).parents[1] for each in (attrs, msgpack)}
    own = [Path(travellers.__file__).parent, tmp_path]
    path = os.pathsep.join(map(str, [*own, *packages]))

    def run(what: str, message: object, *modules: str):
        file = tmp_path / "message.json"
        file.write_text(json.dumps(message))
        done = subprocess.run(
            [python, "-B", travellers.__file__, what, file, *modules],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(file.read_text())

    return run


def test_functions_and_values_of_this_python_are_the_same_in_another(there):
    came = there("run", travellers.sent(travellers.CALLS))

    assert len(came["calls"]) == len(travellers.CALLS)
    for expected, result in (came["values"], *came["calls"]):
        assert result == expected


def test_functions_and_values_of_another_python_are_the_same_in_this(there):
    came = travellers.came(there("send", None))

    assert len(came["calls"]) == len(travellers.CALLS)
    for expected, result in (came["values"], *came["calls"]):
        assert result == expected


@pytest.mark.parametrize(
    ("version", "what"),
    [(each, what) for each in OTHERS for what in NEWER if _number(each) >= _number(NEWER[what][0])],
)
def test_syntax_that_this_python_lacks_is_refused_with_its_line(tmp_path, version, what):
    since, text = NEWER[what]
    module = tmp_path / "newer.py"
    module.write_text(f"# one line more\n\n{text}")

    (call,) = other_side(version, tmp_path)("send", None, "newer")["calls"]
    said, result = travellers.result_of(call)

    if _number(OWN) >= _number(since):
        assert result == said
        return
    assert said == "refused"
    line = result.removeprefix("line ").partition(": syntax error: ")[0]
    file, row = call["told"][line]
    assert Path(file) == module
    assert 3 <= row <= 3 + text.count("\n")
