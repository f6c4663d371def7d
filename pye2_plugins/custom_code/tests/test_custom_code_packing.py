"""All the forms in which a user gives code become what is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pye2_custom_code import packing
from pye2_custom_code.client import CustomExecInstance
from pye2_custom_code.rest_client import RestCustomExecInstance
from pye2core.code import decode
from pye2core.descriptors import PresetDescriptor, Stage
from pye2core.errors import CodeError, CodeRefused, PresetParameterError


def double(plugin: Any) -> Any:
    return 2 * plugin.cfg_number


DEFINITION = "def two(plugin):\n    return 2\n"


def worker_preset(plugin: Any) -> Any:
    return plugin.cfg_from_a_preset


class Presets:
    """A registry that offers a preset for each stage."""

    def presets(self) -> dict[str, PresetDescriptor]:
        each = (PresetDescriptor(f"A_{stage.name}", stage, "a:b") for stage in Stage)
        return {preset.name: preset for preset in each}

    def load(self, descriptor: PresetDescriptor, implementation: str) -> Any:
        assert descriptor.stage is Stage.WORKER
        return worker_preset


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "installed_plugins", Presets)


@pytest.fixture(params=["CUSTOM_EXEC_01", "REST_CUSTOM_EXEC_01"])
def sent(request: pytest.FixtureRequest) -> Any:
    """What either signature sends of some code."""

    def source(code: Any) -> str:
        if request.param == "CUSTOM_EXEC_01":
            return decode(CustomExecInstance.settings_from(custom_code=code)["CODE"])
        settings = RestCustomExecInstance.settings_from(custom_code=code)
        return decode(settings["REQUEST"]["DATA"]["CODE"])

    return source


def test_a_function(sent: Any) -> None:
    assert sent(double) == "return 2 * plugin.cfg_number"


@pytest.mark.parametrize("text", ["return 1", "pass", "result = 5", "plugin.P(1)"])
def test_a_text(sent: Any, text: str) -> None:
    assert sent(text) == text


def test_a_file(sent: Any, tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text("return 'from a file'\n")
    assert sent(str(path)) == "return 'from a file'\n"


@pytest.mark.parametrize("name", ["A_WORKER", "a_worker", "A_Worker"])
def test_a_presets_name_in_any_case(sent: Any, name: str) -> None:
    assert sent(name) == "return plugin.cfg_from_a_preset"


def test_a_file_comes_before_a_preset_of_its_name(
    sent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a_worker").write_text("return 'from a file'")
    assert sent("a_worker") == "return 'from a file'"


@pytest.mark.parametrize("stage", [Stage.PROCESS, Stage.FINISH, Stage.AGGREGATE])
def test_a_preset_that_is_called_with_the_data_of_a_job_is_refused(sent: Any, stage: Stage) -> None:
    with pytest.raises(PresetParameterError, match="create_chain_dist_custom_job") as caught:
        sent(f"a_{stage.name.lower()}")
    assert caught.value.preset == f"A_{stage.name}"


def test_the_name_of_a_whole_job_is_code_like_any_other(sent: Any) -> None:
    with pytest.raises(CodeRefused, match="A_JOB"):
        sent("A_JOB")


@pytest.mark.parametrize("text", ["", "  \n\t", "# later\n", '"""only a text"""'])
def test_a_text_without_any_code_in_it_is_refused(sent: Any, text: str) -> None:
    with pytest.raises(CodeRefused, match="there is no code in it"):
        sent(text)


def test_a_file_without_any_code_in_it_is_refused(sent: Any, tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text("# nothing yet\n")

    with pytest.raises(CodeRefused, match=r"code\.py:1: there is no code in it"):
        sent(str(path))


@pytest.mark.parametrize("text", [DEFINITION, f'"""Says two."""\n\n{DEFINITION}', DEFINITION * 2])
def test_code_that_only_defines_a_function_is_refused_with_the_ways_out(
    sent: Any, text: str
) -> None:
    with pytest.raises(CodeRefused, match=r"only defines `two`.*`return two\(plugin\)`"):
        sent(text)


@pytest.mark.parametrize(
    "text", [f"{DEFINITION}return two(plugin)", f"{DEFINITION}two(plugin)", f"{DEFINITION}pass"]
)
def test_code_that_defines_a_function_and_does_something_is_sent(sent: Any, text: str) -> None:
    assert sent(text) == text


def test_what_is_no_code_is_an_error(sent: Any) -> None:
    with pytest.raises(CodeError):
        sent(5)


def test_no_code_is_none() -> None:
    assert packing.packed(None) is None
