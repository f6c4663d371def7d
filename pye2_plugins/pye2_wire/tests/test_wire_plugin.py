"""The plugin module is light, and what it names is there."""

import json
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

from pye2_wire import formatters, plugin
from pye2_wire.aixp1 import Aixp1
from pye2_wire.cavi2 import Cavi2
from pye2_wire.formatters import Raw, formatter_named
from pye2_wire.serializer import Pye2Serializer
from pye2core.errors import NotProvided

FORMATTERS_FILE = Path(__file__).parents[3] / "tests/data/vectors/formatters.json"
VECTORS = json.loads(FORMATTERS_FILE.read_text("utf-8"))["vectors"]


def test_the_serializer_is_offered_and_can_be_made_without_arguments() -> None:
    (descriptor,) = plugin.pye2_register_serializers()

    assert descriptor.name == "pye2"
    assert isinstance(resolve_name(descriptor.implementation)(), Pye2Serializer)


def test_pye2s_formatters_are_offered() -> None:
    offered = {each.name: each for each in plugin.pye2_register_formatters()}

    assert offered.keys() == {"raw", "default", "aixp1", "cavi2"}
    assert {each.dialect for each in offered.values()} == {"pye2"}
    assert {name: resolve_name(each.implementation) for name, each in offered.items()} == {
        "raw": Raw,
        "default": Raw,
        "aixp1": Aixp1,
        "cavi2": Cavi2,
    }


def test_finding_the_plugin_imports_no_implementation() -> None:
    code = (
        "import sys, pye2_wire.plugin; print(*sorted(m for m in sys.modules if 'pye2_wire' in m))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["pye2_wire", "pye2_wire.plugin"]


def test_the_serializer_imports_neither_numpy_nor_a_crypto_library() -> None:
    heavy = "{'numpy', 'cryptography', 'coincurve'}"
    code = f"import sys, pye2_wire.serializer; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "vector",
    [each for each in VECTORS if "encode_output" in each],
    ids=lambda vector: f"{vector['formatter']}-{vector['kind']}",
)
def test_formatters_shape_and_restore_as_pye2s_do(vector: dict[str, Any]) -> None:
    formatter = formatter_named(vector["formatter"])

    assert formatter.encode(vector["input"]) == vector["encode_output"]
    assert formatter.decode(vector["wire_example"]) == vector["decode_output"]


@pytest.mark.parametrize("vector", [each for each in VECTORS if "result" in each])
def test_formatters_are_found_by_the_names_that_pye2_knows(vector: dict[str, Any]) -> None:
    if vector["result"] == "None":
        with pytest.raises(NotProvided, match=vector["formatter"]):
            formatter_named(vector["formatter"])
    else:
        assert isinstance(formatter_named(vector["formatter"]), Raw)


class Shout:
    """A formatter as a plugin could bring it."""

    def encode(self, message: dict[str, Any]) -> dict[str, Any]:
        return message

    def decode(self, message: dict[str, Any]) -> dict[str, Any]:
        return message


class Offering:
    """A registry with one formatter."""

    class Descriptor:
        implementation = f"{__name__}:Shout"

    def formatters(self, dialect: str) -> dict[str, Any]:
        return {"shout": self.Descriptor()} if dialect == "pye2" else {}

    def make(self, kind: type, descriptor: Any, import_string: str) -> Shout:
        assert import_string == descriptor.implementation
        assert issubclass(Shout, kind)
        return Shout()


@pytest.fixture
def offering(monkeypatch: pytest.MonkeyPatch) -> None:
    formatters._installed.cache_clear()
    monkeypatch.setattr("pye2core.installed_plugins", Offering, raising=False)


@pytest.mark.usefixtures("offering")
def test_other_formatters_are_found_where_plugins_offer_them() -> None:
    assert isinstance(formatter_named("shout"), Shout)


@pytest.mark.usefixtures("offering")
def test_a_formatter_that_nobody_offers_is_an_error_that_says_who_does() -> None:
    with pytest.raises(NotProvided, match=r"'whisper'.*installed are: shout"):
        formatter_named("whisper")
