"""Payloads, presets and the template: what programs hold in their hands."""

from __future__ import annotations

import base64
import copy
import sys
from types import ModuleType
from typing import Any

import pytest

from pye2core import CustomPluginTemplate, DistributedCustomCodePresets, Payload
from pye2core.client.code_tools import CodeTools
from pye2core.errors import CodeError, NotProvided, Pye2Error, UnknownPreset
from pye2core.messages import InstancePath, Origin, PayloadMessage

PATH = InstancePath("p", "SIG_01", "i")


# --- payloads -------------------------------------------------------------------------------------


def test_a_payload_of_a_message_can_be_told_from_others_with_the_same_fields() -> None:
    first, second = (
        Payload.of(PayloadMessage(PATH, {"A": 1}, origin=Origin("0xai_x", digest=digest)))
        for digest in ("a1", "b2")
    )

    assert first == second
    assert (first.digest, second.digest) == ("a1", "b2")


def test_a_payload_is_a_dictionary_that_knows_its_sender() -> None:
    payload = Payload({"A": 1}, sender="0xai_x", verified=True, path=PATH)

    assert dict(payload) == {"A": 1}
    assert payload.get("B") is None
    assert (payload.sender, payload.verified, payload.path) == ("0xai_x", True, PATH)


def test_a_copy_is_a_payload_of_its_own() -> None:
    payload = Payload({"A": 1}, sender="0xai_x", verified=True, path=PATH)

    other = copy.copy(payload)
    other["A"] = 2

    assert payload["A"] == 1
    assert (other.sender, other.path) == ("0xai_x", PATH)


def test_without_the_field_there_is_no_image() -> None:
    assert Payload({}).get_images_as_PIL() == [None]


class FakePillow(ModuleType):
    """Stands in for ``PIL.Image``: an image is its own bytes."""

    class Opened:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def load(self) -> None:
            if not self.data.startswith(b"image"):
                raise OSError("cannot identify image file")

    def open(self, file: Any) -> Any:
        return self.Opened(file.read())


@pytest.fixture
def pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakePillow("PIL.Image")
    package = ModuleType("PIL")
    monkeypatch.setattr(package, "Image", fake, raising=False)
    monkeypatch.setitem(sys.modules, "PIL", package)
    monkeypatch.setitem(sys.modules, "PIL.Image", fake)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_one_image_or_several_come_as_a_list(pillow: None) -> None:
    payload = Payload({"IMG": encoded(b"image 1"), "MORE": [encoded(b"image 2"), None]})

    assert [each.data for each in payload.get_images_as_PIL()] == [b"image 1"]
    first, second = payload.get_images_as_PIL("MORE")
    assert (first.data, second) == (b"image 2", None)


@pytest.mark.parametrize("value", [encoded(b"text"), "no base64!", 7])
def test_what_is_no_image_is_told_with_its_field(pillow: None, value: Any) -> None:
    with pytest.raises(Pye2Error, match="'IMG' of the payload holds no image"):
        Payload({"IMG": value}).get_images_as_PIL()


@pytest.mark.parametrize("method", ["get_images_as_PIL", "get_images_as_np"])
def test_without_pillow_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(NotProvided, match="pip install pillow"):
        getattr(Payload({"IMG": encoded(b"image")}), method)()


def test_real_images_become_arrays() -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    import io

    buffer = io.BytesIO()
    image.new("RGB", (3, 2), (255, 0, 0)).save(buffer, "PNG")

    (array,) = Payload({"IMG": encoded(buffer.getvalue())}).get_images_as_np()

    assert array.shape == (2, 3, 3)


# --- presets --------------------------------------------------------------------------------------


def test_a_presets_name_is_an_attribute() -> None:
    name = "AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA"
    pytest.importorskip("pye2_collect", reason="pye2-collect is not installed")

    assert getattr(DistributedCustomCodePresets, name) == name
    assert name in dir(DistributedCustomCodePresets)


def test_a_missing_preset_is_an_attribute_error_that_says_what_to_do() -> None:
    with pytest.raises(UnknownPreset) as caught:
        _ = DistributedCustomCodePresets.AGGREGATE_NOTHING

    assert isinstance(caught.value, AttributeError)
    assert caught.value.name == "AGGREGATE_NOTHING"
    assert not hasattr(DistributedCustomCodePresets, "AGGREGATE_NOTHING")


def test_a_whole_job_is_no_function_of_one() -> None:
    pytest.importorskip("pye2_primes", reason="pye2-primes is not installed")

    with pytest.raises(UnknownPreset, match=r"session\.create_job"):
        _ = DistributedCustomCodePresets.primes


# --- the template ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["np", "cfg_speed", "e2_addr", "node_addr", "obj_cache", "state"])
def test_what_the_template_has_exists_only_on_a_node(name: str) -> None:
    with pytest.raises(CodeError, match=rf"plugin\.{name} exists only on a node"):
        getattr(CustomPluginTemplate(), name)


def test_calling_the_template_says_where_it_belongs() -> None:
    with pytest.raises(CodeError, match=r"plugin\.threadapi_map exists only on a node"):
        CustomPluginTemplate().threadapi_map(abs, [1], n_threads=2)


def test_the_template_documents_what_the_node_offers() -> None:
    plugin_api = pytest.importorskip("pye2_node.sandbox.plugin_api", reason="no pye2-node")
    offered = {name for name in dir(plugin_api.Plugin) if not name.startswith("_")}
    documented = {*dir(CustomPluginTemplate), *typed_only()}

    assert offered - documented - {"functions"} == set()


def typed_only() -> set[str]:
    """What the template shows to editors only: modules and classes."""
    names = "np collections itertools json math random re statistics OrderedDict defaultdict deque"
    return {*names.split(), "datetime", "timedelta", "partial", "BytesIO", "deepcopy"}


def test_the_template_keeps_its_texts() -> None:
    assert "threads" in (CustomPluginTemplate.threadapi_map.__doc__ or "")
    assert "configuration" in (CustomPluginTemplate.config.__doc__ or "")


# --- code -----------------------------------------------------------------------------------------


def remote(plugin: Any) -> Any:
    return plugin.cfg_answer


def test_code_is_packed_and_unpacked() -> None:
    assert (
        CodeTools.base64_to_code(CodeTools.method_to_base64(remote)) == "return plugin.cfg_answer"
    )
    assert CodeTools.base64_to_code(CodeTools.code_to_base64("return 1")) == "return 1"
    for compress in (True, False):
        packed = CodeTools.str_to_base64("text", compress=compress)
        assert CodeTools.base64_to_code(packed) == "text"


def test_code_that_could_not_run_is_not_packed() -> None:
    with pytest.raises(CodeError, match="import"):
        CodeTools.code_to_base64("import os\nreturn 1")
    assert CodeTools.check_code_text("return 1") == []
    assert "line 1" in CodeTools.check_code_text("import os")[0]
