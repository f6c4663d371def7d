"""Who offers what: answers, conflicts, what to install, and observers that cannot do harm."""

from __future__ import annotations

import sys
from collections import OrderedDict
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from attrs import frozen

from pye2core import (
    CliCommandDescriptor,
    FormatterDescriptor,
    PresetDescriptor,
    Role,
    SerializerDescriptor,
    SignatureDescriptor,
    Stage,
    TransportDescriptor,
    hookimpl,
)
from pye2core.abc import Transport
from pye2core.errors import (
    NotProvided,
    PluginBroken,
    PluginConflict,
    SettingsError,
    UnknownPreset,
    UnknownSignature,
    UnknownTransport,
)
from pye2core.plugins import PluginRegistry, stages_of
from pye2core.plugins.discovery import Candidate, LoadPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

MQTT = TransportDescriptor("mqtt", ("mqtt", "MQTTS"), "nowhere:Mqtt")
PYE2 = SerializerDescriptor("pye2", "nowhere:Pye2", strength=0)
CUSTOM = SignatureDescriptor("CUSTOM_EXEC_01", role=Role.CUSTOM_CODE)
KEEP = PresetDescriptor("KEEP_ALL", Stage.PROCESS, "nowhere:keep")


class MakePlugin(Protocol):
    def __call__(self, name: str, *, of: str = ..., **offers: Any) -> Candidate: ...


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> MakePlugin:
    """Make a plugin: a module whose hooks give ``transports=[…]``, … or are functions."""

    def make(name: str, *, of: str = "some-dist", **offers: Any) -> Candidate:
        module = ModuleType(f"core_registry_{name}")
        for kind, offered in offers.items():
            hook = f"pye2_register_{kind}" if isinstance(offered, list) else f"pye2_{kind}"
            setattr(module, hook, _implementation(offered))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return Candidate(EntryPoint(name, module.__name__, "pye2"), of, "1.0")

    return make


def _implementation(offered: Any) -> Callable[..., Any]:
    def register() -> Any:
        return offered

    implementation: Callable[..., Any] = register if isinstance(offered, list) else offered
    hookimpl(implementation)
    return implementation


def broken(name: str, *, of: str = "some-dist") -> Candidate:
    return Candidate(EntryPoint(name, "core_registry_no_such_module", "pye2"), of, "1.0")


def __getattr__(name: str) -> Any:
    """An import that ends the process, for whoever looks up ``bow_out`` here."""
    if name == "bow_out":
        raise SystemExit(3)
    raise AttributeError(name)


# --- answers --------------------------------------------------------------------------------------


def test_a_transport_is_found_by_each_of_its_schemes_in_any_case(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("mqtt", transports=[MQTT])])

    assert registry.transport("MQTT") is MQTT
    assert registry.transport("mqtts") is MQTT
    assert registry.transports() == {"mqtt": MQTT, "mqtts": MQTT}


def test_signatures_and_presets_are_found_in_any_case(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("some", signatures=[CUSTOM], presets=[KEEP])])

    assert registry.signature("custom_exec_01") is CUSTOM
    assert registry.signatures() == {"CUSTOM_EXEC_01": CUSTOM}
    assert registry.preset("keep_all") is KEEP
    assert registry.presets() == {"KEEP_ALL": KEEP}


def test_the_strongest_dialect_comes_last(plugin: MakePlugin) -> None:
    strong = SerializerDescriptor("strong", "nowhere:Strong", strength=5)
    registry = PluginRegistry([plugin("a", serializers=[strong]), plugin("b", serializers=[PYE2])])

    assert registry.serializers() == (PYE2, strong)
    assert registry.serializer("strong") is strong


def test_a_dialect_that_says_nothing_of_its_strength_is_not_what_everybody_is_sent(
    plugin: MakePlugin,
) -> None:
    registry = PluginRegistry(
        [
            plugin("a", serializers=[SerializerDescriptor("any", "nowhere:Any")]),
            plugin("b", serializers=[PYE2]),
        ]
    )

    assert registry.serializers()[0] is PYE2


def test_a_dialect_that_two_plugins_offer_costs_no_other(plugin: MakePlugin) -> None:
    twins = [SerializerDescriptor("cbor", f"nowhere:Cbor{each}") for each in (1, 2)]
    registry = PluginRegistry(
        [
            plugin("first", serializers=[twins[0]]),
            plugin("second", serializers=[twins[1], PYE2]),
        ]
    )

    assert registry.serializers() == (PYE2,)
    with pytest.raises(PluginConflict, match="first and second"):
        registry.serializer("cbor")


@frozen
class Pace:
    """Settings that a dialect could have."""

    beats: int = 3


@pytest.mark.parametrize(("variables", "beats"), [({}, 3), ({"PYE2_SOME_BEATS": "7"}, 7)])
def test_settings_are_read_by_the_name_of_the_plugin_that_offers(
    plugin: MakePlugin, variables: dict[str, str], beats: int
) -> None:
    dialect = SerializerDescriptor("d", "nowhere:D", settings=f"{__name__}:Pace")
    registry = PluginRegistry([plugin("some", serializers=[dialect, PYE2])])

    assert registry.settings_of(dialect, variables) == Pace(beats)
    assert registry.settings_of(PYE2, variables) is None


def test_a_setting_that_cannot_be_used_names_its_variable(plugin: MakePlugin) -> None:
    dialect = SerializerDescriptor("d", "nowhere:D", settings=f"{__name__}:Pace")
    registry = PluginRegistry([plugin("some", serializers=[dialect])])

    with pytest.raises(SettingsError, match="PYE2_SOME_BEATS"):
        registry.settings_of(dialect, {"PYE2_SOME_BEATS": "many"})


@frozen
class Volume:
    """Settings that a transport could have."""

    loud: bool = False


def test_a_misspelt_setting_is_refused_with_that_of_any_of_the_plugins_offers(
    plugin: MakePlugin,
) -> None:
    dialect = SerializerDescriptor("d", "nowhere:D", settings=f"{__name__}:Pace")
    transport = TransportDescriptor("t", ("x",), "nowhere:X", settings=f"{__name__}:Volume")
    registry = PluginRegistry(
        [plugin("some", serializers=[dialect], transports=[transport]), plugin("some-more")]
    )

    registry.settings_of(dialect, {"PYE2_SOME_LOUD": "yes", "PYE2_SOME_MORE_BEETS": "7"})
    with pytest.raises(SettingsError, match=r"did you mean PYE2_SOME_BEATS\?"):
        registry.settings_of(transport, {"PYE2_SOME_BEETS": "7"})


def test_formatters_belong_to_a_dialect(plugin: MakePlugin) -> None:
    ours, theirs = (FormatterDescriptor("raw", each, "nowhere:Raw") for each in ("pye2", "cbor"))
    registry = PluginRegistry([plugin("a", formatters=[ours]), plugin("b", formatters=[theirs])])

    assert registry.formatters("pye2") == {"raw": ours}
    assert registry.formatters("cbor") == {"raw": theirs}


def test_a_role_is_served_by_the_signature_that_says_so(plugin: MakePlugin) -> None:
    other = SignatureDescriptor("OTHER")
    registry = PluginRegistry([plugin("some", signatures=[other, CUSTOM])])

    assert registry.signature_for(Role.CUSTOM_CODE) is CUSTOM


def test_commands_are_listed_by_name(plugin: MakePlugin) -> None:
    command = CliCommandDescriptor("node", "nowhere:node")

    assert PluginRegistry([plugin("node", commands=[command])]).commands() == {"node": command}


def test_a_command_that_no_plugin_offers_is_an_error_that_says_what_to_install() -> None:
    with pytest.raises(NotProvided, match="pip install pye2-node"):
        PluginRegistry([]).command("node")


def test_a_refined_descriptor_is_one_of_its_kind(plugin: MakePlugin) -> None:
    class Refined(PresetDescriptor):
        pass

    refined = Refined("REFINED", Stage.PROCESS, "nowhere:refined")

    assert PluginRegistry([plugin("a", presets=[refined])]).preset("refined") is refined


def test_it_knows_whose_a_descriptor_is(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("mqtt", transports=[MQTT]), plugin("wire")])

    assert registry.plugin_of(MQTT) == "mqtt"


def test_it_knows_what_a_plugin_offers_whoever_else_does(plugin: MakePlugin) -> None:
    other = TransportDescriptor("other", ("mqtts",), "nowhere:Other")
    registry = PluginRegistry([plugin("a", transports=[MQTT]), plugin("b", transports=[other])])

    assert registry.descriptors_of("a") == (MQTT,)
    assert registry.descriptors_of("nobody") == ()


@pytest.mark.parametrize(
    ("name", "distribution"),
    [("OTHER", "my-dist"), ("CUSTOM_EXEC_01", "pye2-custom-code"), ("NEVER_HEARD_OF", None)],
)
def test_it_knows_which_distribution_brings_a_signature(
    plugin: MakePlugin, name: str, distribution: str | None
) -> None:
    other = SignatureDescriptor("OTHER")
    registry = PluginRegistry([plugin("mine", of="my-dist", signatures=[other])])

    assert registry.distribution_offering("signature", name) == distribution


# --- two plugins, one name ------------------------------------------------------------------------


def test_two_plugins_that_serve_one_scheme_are_an_error_that_names_both(
    plugin: MakePlugin,
) -> None:
    other = TransportDescriptor("other", ("mqtts",), "nowhere:Other")
    registry = PluginRegistry(
        [plugin("first", transports=[MQTT]), plugin("second", transports=[other])]
    )

    with pytest.raises(PluginConflict, match="first and second") as caught:
        registry.transport("mqtts")

    assert caught.value.name == "mqtts"
    assert caught.value.plugins == ("first", "second")
    assert registry.transport("mqtt") is MQTT
    assert registry.transports() == {"mqtt": MQTT}
    assert [each.name for each in registry.conflicts()] == ["mqtts"]


@pytest.mark.parametrize(
    ("offers", "ask"),
    [
        ({"signatures": [CUSTOM]}, lambda registry: registry.signature("CUSTOM_EXEC_01")),
        ({"signatures": [CUSTOM]}, lambda registry: registry.signature_for(Role.CUSTOM_CODE)),
        ({"presets": [KEEP]}, lambda registry: registry.preset("KEEP_ALL")),
        ({"serializers": [PYE2]}, lambda registry: registry.serializers()),
    ],
)
def test_what_two_plugins_offer_is_given_from_neither(
    plugin: MakePlugin, offers: dict[str, Any], ask: Callable[[PluginRegistry], object]
) -> None:
    twin: dict[str, Any] = {}
    for kind, given in offers.items():
        twin[kind] = [type(each)(**_fields(each)) for each in given]
    registry = PluginRegistry([plugin("first", **offers), plugin("second", **twin)])

    with pytest.raises(PluginConflict, match="first and second"):
        ask(registry)


def _fields(descriptor: Any) -> dict[str, Any]:
    return {name: getattr(descriptor, name) for name in type(descriptor).__match_args__}


def test_a_conflict_is_a_warning_from_the_start(
    plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    rivals = [CliCommandDescriptor("up", f"nowhere:up{each}") for each in (1, 2)]

    registry = PluginRegistry(
        [plugin("first", commands=[rivals[0]]), plugin("second", commands=[rivals[1]])]
    )

    assert registry.commands() == {}
    assert "'up' is offered by the plugins first and second" in caplog.text


# --- what nobody offers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "error", "install"),
    [
        (lambda r: r.transport("amqp"), UnknownTransport, "pye2-amqp"),
        (lambda r: r.transport("MQTTS"), UnknownTransport, "pye2-mqtt"),
        (lambda r: r.transport("tls"), UnknownTransport, "pye2-nats"),
        (lambda r: r.signature("custom_exec_01"), UnknownSignature, "pye2-custom-code"),
        (lambda r: r.signature_for(Role.CHAIN_JOB), UnknownSignature, "pye2-chain-job"),
        (lambda r: r.preset("primes-sieve"), UnknownPreset, "pye2-primes"),
        (
            lambda r: r.preset("FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X"),
            UnknownPreset,
            "pye2-collect",
        ),
        (lambda r: r.serializers(), NotProvided, "pye2-wire"),
        (lambda r: r.serializer("pye2"), NotProvided, "pye2-wire"),
    ],
)
def test_what_no_plugin_offers_is_an_error_that_says_what_to_install(
    ask: Callable[[PluginRegistry], object], error: type[NotProvided], install: str
) -> None:
    with pytest.raises(error, match=f"`pip install {install}` brings it") as caught:
        ask(PluginRegistry([]))

    assert caught.value.kind
    assert caught.value.name


def test_a_misspelled_name_brings_up_the_right_one(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("a", presets=[KEEP])])

    with pytest.raises(UnknownPreset, match="did you mean 'KEEP_ALL'"):
        registry.preset("kep_all")


def test_a_name_that_is_like_no_other_brings_up_what_there_is(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("a", transports=[MQTT])])

    with pytest.raises(UnknownTransport, match="installed are: mqtt, mqtts") as caught:
        registry.transport("pigeon")

    assert (caught.value.kind, caught.value.name) == ("transport", "pigeon")


def test_what_a_broken_plugin_offers_is_an_error_with_its_name_and_phase() -> None:
    registry = PluginRegistry([broken("mqtt", of="Pye2_MQTT")])

    with pytest.raises(PluginBroken, match=r"transport 'mqtt'.*Pye2_MQTT.*pip install") as caught:
        registry.transport("mqtt")

    assert (caught.value.plugin, caught.value.phase) == ("mqtt", "import")


def test_a_broken_plugin_of_the_name_that_is_asked_for_is_named_first() -> None:
    registry = PluginRegistry([broken("crows"), broken("pigeons"), broken("starlings")])

    with pytest.raises(UnknownTransport, match=r"broken \(pigeons, crows, starlings\)"):
        registry.transport("pigeons")
    with pytest.raises(UnknownPreset, match=r"broken \(starlings, crows, pigeons\)"):
        registry.preset("STARLINGS")


def test_what_may_be_in_a_broken_plugin_is_an_error_that_names_the_plugin() -> None:
    registry = PluginRegistry([broken("pigeons")])

    with pytest.raises(UnknownTransport, match=r"plugin that is broken \(pigeons\)"):
        registry.transport("carrier")


def test_what_a_disabled_plugin_offers_is_an_error_that_says_so(plugin: MakePlugin) -> None:
    candidate = plugin("mqtt", of="pye2-mqtt", transports=[MQTT])
    registry = PluginRegistry([candidate], LoadPolicy(disabled=frozenset({"mqtt"})))

    with pytest.raises(UnknownTransport, match="PYE2_DISABLE_PLUGINS"):
        registry.transport("mqtt")


def test_what_may_be_in_a_plugin_that_is_switched_off_is_an_error_that_names_it(
    plugin: MakePlugin,
) -> None:
    late = plugin("late", of="late-dist", transports=[TransportDescriptor("l", ("owl",), "m:o")])
    twins = [broken("twin", of="one"), broken("twin", of="two")]
    registry = PluginRegistry([late, *twins], LoadPolicy(disabled=frozenset({"late"})))

    with pytest.raises(UnknownTransport) as raised:
        registry.transport("owl")

    assert (
        "broken (twin): see `pye2 plugins doctor`, or in one that is switched off (late): see"
        in (str(raised.value))
    )


def test_a_distribution_that_is_there_and_lacks_the_name_should_be_upgraded(
    plugin: MakePlugin,
) -> None:
    registry = PluginRegistry([plugin("collect", of="pye2-collect", presets=[KEEP])])

    with pytest.raises(UnknownPreset, match="pip install --upgrade pye2-collect"):
        registry.preset("FINISH_CONDITION___NEW")


def test_a_broken_plugin_is_an_error_at_once_if_loading_is_strict(plugin: MakePlugin) -> None:
    candidates = [plugin("fine"), broken("mqtt")]

    with pytest.raises(PluginBroken, match="PYE2_STRICT_PLUGINS") as caught:
        PluginRegistry(candidates, LoadPolicy(strict=True))

    assert (caught.value.plugin, caught.value.phase) == ("mqtt", "import")


def test_strict_loading_has_nothing_against_sound_and_disabled_plugins(plugin: MakePlugin) -> None:
    policy = LoadPolicy(disabled=frozenset({"mqtt"}), strict=True)

    assert len(PluginRegistry([plugin("fine"), broken("mqtt")], policy).records) == 2


# --- using what is offered ------------------------------------------------------------------------


def test_an_implementation_is_imported_by_its_import_string(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("mqtt", transports=[MQTT])])

    assert registry.load(MQTT, "collections:OrderedDict") is __import__("collections").OrderedDict


@pytest.mark.parametrize(
    "target", ["no_such_module:Thing", "collections:NoSuchThing", f"{__name__}:bow_out"]
)
def test_an_implementation_that_cannot_be_imported_is_told_with_its_plugins_name(
    plugin: MakePlugin, target: str
) -> None:
    registry = PluginRegistry([plugin("mqtt", of="my-mqtt", transports=[MQTT])])

    with pytest.raises(PluginBroken, match=r"'mqtt' offers .* a defect of my-mqtt") as caught:
        registry.load(MQTT, target)

    assert (caught.value.plugin, caught.value.phase) == ("mqtt", "use")
    assert "loader.py" not in str(caught.value)  # no defect is there
    assert caught.value.__cause__ is not None


class Pigeons(Transport):
    """Lacks all that a transport has to have."""


class Cabinet(OrderedDict[str, int]):
    def __init__(self, *args: int) -> None:
        if args != (1, 2):
            raise ValueError("only 1 and 2")


def test_something_is_made_of_a_class_of_the_kind(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("mqtt", transports=[MQTT])])

    assert isinstance(registry.make(OrderedDict, MQTT, f"{__name__}:Cabinet", 1, 2), Cabinet)


@pytest.mark.parametrize("target", ["OrderedDict", "broken", "MQTT"])
def test_what_is_of_another_kind_is_told_with_what_was_expected_and_its_plugin(
    plugin: MakePlugin, target: str
) -> None:
    registry = PluginRegistry([plugin("mqtt", of="my-mqtt", transports=[MQTT])])

    with pytest.raises(
        PluginBroken, match=r"no pye2core\.abc\.Transport; .*my-mqtt 1\.0"
    ) as caught:
        registry.make(Transport, MQTT, f"{__name__}:{target}")

    assert caught.value.what.startswith(f"the plugin 'mqtt' offers {__name__}:{target}")


def test_a_class_that_lacks_what_its_kind_has_is_told_with_what_it_lacks(
    plugin: MakePlugin,
) -> None:
    registry = PluginRegistry([plugin("mqtt", transports=[MQTT])])

    with pytest.raises(PluginBroken, match=r"lacks what a .*: close, connect, .*subscribe"):
        registry.load_class(Transport, MQTT, f"{__name__}:Pigeons")


def test_a_whole_job_that_has_no_parameters_to_check_is_told_with_its_plugin(
    plugin: MakePlugin,
) -> None:
    preset = PresetDescriptor("WHOLE", Stage.JOB, f"{__name__}:Cabinet")
    registry = PluginRegistry([plugin("jobs", presets=[preset])])

    with pytest.raises(PluginBroken, match=r"'jobs' offers .*:Cabinet, which is no attrs class"):
        stages_of(registry, "WHOLE", {})


def test_what_cannot_be_made_is_told_with_its_plugin(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("mqtt", of="my-mqtt", transports=[MQTT])])

    with pytest.raises(PluginBroken, match=r"failed: ValueError: only 1 and 2 .*my-mqtt"):
        registry.make(OrderedDict, MQTT, f"{__name__}:Cabinet", 3)


def test_what_is_wrong_with_a_plugin_and_what_to_do_are_told_apart(plugin: MakePlugin) -> None:
    registry = PluginRegistry([plugin("mqtt", of="my-mqtt", transports=[MQTT])])

    error = registry.broken_in_use(MQTT, "fell; it broke", "pick it up; mend it")

    assert error.what == "the plugin 'mqtt' fell; it broke"
    assert error.advice == "pick it up; mend it"
    assert str(error) == f"{error.what}; {error.advice}"


def test_the_error_for_a_plugin_that_was_not_loaded_says_what_to_do_apart() -> None:
    with pytest.raises(PluginBroken) as caught:
        PluginRegistry([broken("mqtt", of="my-mqtt")], LoadPolicy(strict=True))

    assert "core_registry_no_such_module" in caught.value.what
    assert caught.value.advice.startswith("`pip install --force-reinstall my-mqtt` brings back")


# --- observers ------------------------------------------------------------------------------------


def test_an_observer_gets_what_it_asks_for(plugin: MakePlugin) -> None:
    seen = []

    def node_started(name: str) -> None:
        seen.append(name)

    registry = PluginRegistry([plugin("led", node_started=node_started)])
    registry.observe("pye2_node_started", name="attic", address="0xai_")
    registry.observe("pye2_node_stopped", name="cellar", address="0xai_")

    assert seen == ["attic"]


def test_an_observer_that_raises_changes_nothing_for_the_others_and_is_reported_once(
    plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    def node_started(name: str) -> None:
        raise ValueError("no led")

    def also_started(address: str) -> None:
        seen.append(address)

    registry = PluginRegistry(
        [
            plugin("before", node_started=also_started),
            plugin("led", node_started=node_started),
            plugin("after", node_started=also_started),
        ]
    )
    for _ in range(3):
        registry.observe("pye2_node_started", name="attic", address="0xai_")

    assert len(seen) == 6
    reports = [each for each in caplog.records if each.exc_info]
    assert [report.message for report in reports] == [
        "the plugin led raised in pye2_node_started (reported once)"
    ]


def test_secured_schemes_are_those_of_all_transports(plugin: MakePlugin) -> None:
    pigeons = TransportDescriptor(
        "pigeon", ("pigeon", "falcon"), "nowhere:Loft", secured_schemes={"pigeon": "falcon"}
    )
    registry = PluginRegistry(
        [plugin("one", transports=[pigeons]), plugin("two", transports=[MQTT])]
    )

    assert registry.secured_schemes() == {"pigeon": "falcon"}
