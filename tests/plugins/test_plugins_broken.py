"""Plugins that break, each in its way: each costs only itself, and is told with what to do.

They are built as wheels and installed together, beside the usual plugins, in an environment of
their own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from throwaway import SOUND_LOFT, Environment, Throwaway, lines_of, with_workspace

if TYPE_CHECKING:
    from collections.abc import Callable


def hook(body: str, kind: str = "transports", arguments: str = "") -> str:
    return f"""
        from pye2core import (
            CliCommandDescriptor, SerializerDescriptor, SignatureDescriptor,
            TransportDescriptor, hookimpl,
        )

        @hookimpl
        def pye2_register_{kind}({arguments}):
            {body}
    """


def transport(name: str, scheme: str) -> str:
    return hook(f"return [TransportDescriptor({name!r}, ({scheme!r},), 'loft_of_{name}:Loft')]")


def dialect(name: str, implementation: str) -> Throwaway:
    """A plugin whose dialect comes before all others, and cannot be used."""
    offer = f"SerializerDescriptor({name!r}, 'tongue_of_{name}:Tongue', strength=-1)"
    return Throwaway(
        name,
        hook(f"return [{offer}]", "serializers"),
        modules={f"tongue_of_{name}": implementation},
    )


def signature(name: str, **sides: str) -> Throwaway:
    """A plugin whose signature has sides that are nothing of the kind."""
    given = "".join(f", {side}='coop_of_{name}:{each}'" for side, each in sides.items())
    return Throwaway(
        name,
        hook(f"return [SignatureDescriptor('{name.upper()}_01'{given})]", "signatures"),
        modules={f"coop_of_{name}": "class Hen:\n    def __init__(self, context): pass\n"},
    )


def tongue_that(does: str) -> str:
    """A module with a dialect that is one, and does something when it is made."""
    return f"""
        from pye2core.abc import Serializer

        class Tongue(Serializer):
            parse = recognises = seal = None

            def __init__(self):
                {does}
    """


FINE = Throwaway("fine", transport("fine", "dove"), modules={"loft_of_fine": SOUND_LOFT})
BROKEN = [
    Throwaway("raises", "raise ValueError('no moon tonight')"),
    Throwaway("raises-in-hook", hook("raise KeyError('where')"), version="2.5"),
    Throwaway(
        "lacks",
        "import moonbeams",
        requires=("pye2core>=0.1,<0.2", "pye2-throwaway-moonbeams>=3"),
    ),
    Throwaway("newer", "raise AssertionError('imported')", requires=("pye2core>=9",)),
    Throwaway("twin", "raise AssertionError('imported')", distribution="twin-first"),
    Throwaway("twin", "raise AssertionError('imported')", distribution="twin-second"),
    Throwaway("asks", hook("return []", arguments="registry")),
    Throwaway("mistakes", hook("return ['pigeon']")),
    Throwaway("off", "raise AssertionError('imported')"),
]
DIALECTS = [
    dialect("stammer", "raise ValueError('it is too dark to read')"),
    dialect("stutter", tongue_that("self.moon = moon")),
    dialect("ramble", tongue_that("raise ValueError('dusk; dew; dawn')")),
    dialect("mumble", "class Tongue:\n    def __init__(self, node_name=None):\n        pass\n"),
    dialect("lisp", "from pye2core.abc import Serializer\nclass Tongue(Serializer):\n    pass\n"),
]
OF_THE_WRONG_KIND = [
    Throwaway("duck", transport("duck", "duck"), modules={"loft_of_duck": "class Loft: pass"}),
    Throwaway(
        "egg",
        transport("egg", "egg"),
        modules={"loft_of_egg": "from pye2core.abc import Transport\nclass Loft(Transport): pass"},
    ),
    Throwaway(
        "cluck",
        hook("return [CliCommandDescriptor('cluck', 'coop_of_cluck:cluck')]", "commands"),
        modules={"coop_of_cluck": "def cluck(): pass"},
    ),
    signature("rooster", runner="Hen"),
    signature("chick", client="Hen"),
]
RIVALS = [
    Throwaway("rival-one", transport("one", "pigeon")),
    Throwaway("rival-two", transport("two", "PIGEON")),
    Throwaway("rival-three", hook("return [SignatureDescriptor('COO_01')]", "signatures")),
    Throwaway("rival-four", hook("return [SignatureDescriptor('coo_01')]", "signatures")),
]
RIVALS_BRING = {"loft_of_one": SOUND_LOFT, "loft_of_two": SOUND_LOFT}

USUAL = {"mqtt", "wire", "node", "custom-code", "chain-job", "collect", "primes", "broker"}


@pytest.fixture(scope="module")
def environment(new_environment: Callable[[list[str]], Environment]) -> Environment:
    """One with all of them."""
    made = new_environment(with_workspace())
    lofts = Throwaway("lofts", "", modules=RIVALS_BRING)
    made.install(FINE, *BROKEN, *DIALECTS, *OF_THE_WRONG_KIND, *RIVALS, lofts)
    return made


@pytest.fixture(scope="module")
def told(environment: Environment) -> dict[str, dict[str, Any]]:
    """What the doctor says, by distribution."""
    done = environment.pye2("plugins", "doctor", "--json", PYE2_DISABLE_PLUGINS="off")
    assert done.returncode == 1, done.stderr
    return lines_of(done)


CASES = {
    "raises-dist": (
        ("raises", "1.0", "broken", "import"),
        "ValueError: no moon tonight",
        "`pip install --upgrade raises-dist`",
    ),
    "raises-in-hook-dist": (
        ("raises-in-hook", "2.5", "broken", "register"),
        "pye2_register_transports: KeyError: 'where'",
        "defect of raises-in-hook-dist 2.5",
    ),
    "lacks-dist": (
        ("lacks", "1.0", "broken", "import"),
        "'moonbeams', which is not installed",
        "`pip install 'pye2-throwaway-moonbeams>=3'`",
    ),
    "newer-dist": (
        ("newer", "1.0", "broken", "compatible"),
        "needs pye2core>=9",
        "`pip install 'pye2core>=9'`",
    ),
    "twin-first": (
        ("twin", "1.0", "broken", "unique"),
        "twin-first and twin-second both install a plugin named 'twin'",
        "`pip uninstall twin-first` or `pip uninstall twin-second`",
    ),
    "twin-second": (
        ("twin", "1.0", "broken", "unique"),
        "twin-first and twin-second both install a plugin named 'twin'",
        "`pip uninstall twin-first` or `pip uninstall twin-second`",
    ),
    "asks-dist": (
        ("asks", "1.0", "broken", "register"),
        "takes 'registry'",
        "PYE2_DISABLE_PLUGINS=asks",
    ),
    "mistakes-dist": (
        ("mistakes", "1.0", "broken", "validate"),
        "gave 'pigeon', which is not a TransportDescriptor",
        "`pip install --upgrade mistakes-dist`",
    ),
}


@pytest.mark.parametrize(("distribution", "case"), CASES.items(), ids=CASES.keys())
def test_the_doctor_tells_of_each_what_broke_where_and_what_to_do(
    told: dict[str, dict[str, Any]],
    distribution: str,
    case: tuple[tuple[str, str, str, str], str, str],
) -> None:
    facts, error, advice = case
    said = told[distribution]

    assert (said["name"], said["version"], said["state"], said["phase"]) == facts
    assert error in said["error"]
    assert advice in said["advice"]
    assert not said["ok"]


def test_the_doctor_tells_of_a_plugin_that_is_switched_off_how_to_have_it_back(
    told: dict[str, dict[str, Any]],
) -> None:
    said = told["off-dist"]

    assert (said["name"], said["version"]) == ("off", "1.0")
    assert (said["state"], said["phase"], said["error"]) == ("disabled", "enabled", None)
    assert "PYE2_DISABLE_PLUGINS" in said["advice"]
    assert said["ok"]


def test_the_doctor_tells_which_requirement_is_not_met(told: dict[str, dict[str, Any]]) -> None:
    (problem,) = told["lacks-dist"]["problems"]

    assert problem["phase"] == "requirements"
    assert "pye2-throwaway-moonbeams>=3, which is not installed" in problem["error"]
    assert problem["advice"] == "`pip install 'pye2-throwaway-moonbeams>=3'`"


@pytest.mark.parametrize(
    ("distribution", "conflict"),
    [
        ("rival-one-dist", "transport 'pigeon' is offered by the plugins rival-one and rival-two"),
        ("rival-two-dist", "transport 'pigeon' is offered by the plugins rival-one and rival-two"),
        ("rival-three-dist", "'COO_01' is offered by the plugins rival-four and rival-three"),
        ("rival-four-dist", "'COO_01' is offered by the plugins rival-four and rival-three"),
    ],
)
def test_the_doctor_tells_of_plugins_that_offer_one_name(
    told: dict[str, dict[str, Any]], distribution: str, conflict: str
) -> None:
    said = told[distribution]

    assert said["state"] == "loaded"
    assert not said["ok"]
    (problem,) = said["problems"]
    assert problem["phase"] == "conflict"
    assert conflict in problem["error"]
    assert "uninstall one" in problem["advice"]


@pytest.mark.parametrize(
    ("distribution", "subject", "error"),
    [
        ("stammer-dist", "implementation of serializer stammer", "too dark to read"),
        ("stutter-dist", "making the serializer stutter", "NameError: name 'moon'"),
        ("mumble-dist", "implementation of serializer mumble", "no pye2core.abc.Serializer"),
        ("lisp-dist", "implementation of serializer lisp", "to have: parse, recognises, seal"),
        ("duck-dist", "implementation of transport duck", "no pye2core.abc.Transport"),
        ("egg-dist", "implementation of transport egg", "to have: close, connect"),
        ("cluck-dist", "implementation of command cluck", "no click.Command"),
        ("rooster-dist", "runner of signature ROOSTER_01", "no pye2core.abc.Runner"),
        ("chick-dist", "client of signature CHICK_01", "no pye2core.Instance"),
    ],
)
def test_the_doctor_tells_of_an_implementation_that_cannot_be_used(
    told: dict[str, dict[str, Any]], distribution: str, subject: str, error: str
) -> None:
    said = told[distribution]

    (problem,) = said["problems"]
    assert (said["state"], said["ok"], problem["phase"]) == ("loaded", False, "use")
    assert problem["subject"].startswith(subject)
    assert error in problem["error"]
    assert distribution in problem["advice"]


def test_the_doctor_tells_an_error_whole_whatever_is_in_its_text(
    told: dict[str, dict[str, Any]],
) -> None:
    (problem,) = told["ramble-dist"]["problems"]

    assert "ValueError: dusk; dew; dawn (" in problem["error"]
    assert problem["advice"].startswith("this is a defect of ramble-dist 1.0: ")


def test_a_session_and_a_node_speak_what_is_left_and_warn_of_what_is_not(
    environment: Environment,
) -> None:
    said = environment.runs("""
        import logging, sys
        logging.basicConfig(stream=sys.stdout, level=logging.WARNING)
        from pye2core import installed_plugins
        from pye2core.connection import Dialects
        for name in (None, "attic"):
            spoken = Dialects.installed(installed_plugins(), node_name=name)
            print("speaks:", type(spoken.for_peer(None)).__name__)
    """)

    lines = said.splitlines()
    assert [each for each in lines if "speaks:" in each] == ["speaks: Pye2Serializer"] * 2
    for plugin in ("stammer", "stutter", "ramble", "mumble", "lisp"):
        warnings = [
            each
            for each in lines
            if each.startswith("WARNING") and f"the plugin {plugin!r}" in each
        ]
        assert len(warnings) == 2, said


def test_a_subcommand_that_is_none_names_the_plugin(environment: Environment) -> None:
    done = environment.pye2("cluck")

    assert done.returncode == 1
    assert "the plugin 'cluck' offers coop_of_cluck:cluck, which is no click.Command" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("scheme", ["duck", "egg"])
def test_a_session_over_what_is_no_transport_names_the_plugin(
    environment: Environment, scheme: str
) -> None:
    said = environment.runs(f"""
        from pye2core import Pye2Error, Session
        try:
            Session("{scheme}://lab")
        except Pye2Error as error:
            print(type(error).__name__, error.plugin, error)
    """)

    assert said.startswith(f"PluginBroken {scheme} the plugin {scheme!r} offers loft_of_{scheme}:")
    assert f"defect of {scheme}-dist 1.0" in said


@pytest.mark.parametrize("signature", ["ROOSTER_01", "CHICK_01"])
def test_deploying_what_is_no_signature_names_the_plugin_and_shows_no_traceback(
    environment: Environment, signature: str
) -> None:
    said = environment.runs(f"""
        from pye2core import Pye2Error
        from pye2_testing import MemoryNetwork
        with MemoryNetwork(1) as network, network.session() as session:
            pipeline = session.create_pipeline(node="node-1", name="coop")
            try:
                pipeline.create_plugin_instance(signature="{signature}", instance_id="one")
                pipeline.deploy()
            except Pye2Error as error:
                print(type(error).__name__, error)
    """)

    plugin = signature.removesuffix("_01").lower()
    assert f"the plugin {plugin!r} offers coop_of_{plugin}:Hen, which is no pye2core." in said
    assert f"defect of {plugin}-dist 1.0" in said
    assert "Traceback" not in said


def test_where_a_dialect_is_offered_by_a_broken_plugin_alone_the_error_names_it(
    environment: Environment,
) -> None:
    every = "wire,native_wire,mumble,ramble,stutter,lisp"
    said = environment.runs(
        """
        from pye2core import Pye2Error, Session
        try:
            Session("memory://lab")
        except Pye2Error as error:
            print(type(error).__name__, error.plugin, error)
        """,
        PYE2_DISABLE_PLUGINS=every,
    )

    assert said.startswith("PluginBroken stammer the plugin 'stammer' offers")


def test_all_others_are_loaded_and_well(told: dict[str, dict[str, Any]]) -> None:
    well = {each["name"] for each in told.values() if each["state"] == "loaded" and each["ok"]}

    assert {*USUAL, "fine"} <= well


def test_the_list_of_plugins_says_the_same_of_each(
    environment: Environment, told: dict[str, dict[str, Any]]
) -> None:
    done = environment.pye2("plugins", "--json", PYE2_DISABLE_PLUGINS="off")

    assert done.returncode == 0, done.stderr
    listed = lines_of(done)
    for distribution, said in listed.items():
        assert said.items() <= told[distribution].items()
    assert listed.keys() == told.keys()


def test_the_doctor_tells_all_of_each_that_has_a_problem(told: dict[str, dict[str, Any]]) -> None:
    troubled = [each for each in told.values() if not each["ok"]]

    assert len(troubled) >= len(BROKEN) + len(DIALECTS) + len(OF_THE_WRONG_KIND)
    for each in troubled:
        problem = each if each["state"] == "broken" else each["problems"][0]
        known = (each["distribution"], each["version"], each["state"])
        assert all([*known, problem["phase"], problem["error"], problem["advice"]]), each


def test_people_are_told_the_whole_of_it_on_a_narrow_terminal(environment: Environment) -> None:
    done = environment.pye2("plugins", "doctor", PYE2_DISABLE_PLUGINS="off", COLUMNS="50")

    words = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert max(map(len, done.stdout.splitlines())) <= 50
    assert "broken twin, from twin-first 1.0" in words
    assert "unique: twin-first and twin-second both install a plugin named 'twin'" in words
    assert "→ keep one of them: `pip uninstall twin-first` or `pip uninstall twin-second`" in words
    assert "trouble rival-one, from rival-one-dist 1.0" in words
    assert "disabled off, from off-dist 1.0" in words


def test_every_command_has_one_line_for_all_that_are_broken(environment: Environment) -> None:
    done = environment.pye2("--help", PYE2_DISABLE_PLUGINS="off")

    lines = [each for each in done.stderr.splitlines() if "broken" in each]
    assert len(lines) == 1, done.stderr
    assert "7 plugins are broken (asks, lacks, mistakes, newer, raises," in lines[0]
    assert lines[0].endswith("twin): `pye2 plugins doctor`")


@pytest.mark.parametrize("command", [(), ("info", "fine"), ("doctor",)])
def test_commands_about_plugins_tell_of_them_only_where_they_are_asked(
    environment: Environment, command: tuple[str, ...]
) -> None:
    done = environment.pye2("plugins", *command, PYE2_DISABLE_PLUGINS="off")

    assert done.stderr == ""


@pytest.mark.slow
def test_the_hello_world_runs_beside_all_that_is_broken(environment: Environment) -> None:
    done = environment.pye2("demo", "primes", "--json", PYE2_DISABLE_PLUGINS="off")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["count"] == 168


ASK = """
    from pye2core import Pye2Error, installed_plugins
    registry = installed_plugins()
    try:
        found = registry.{}
    except Pye2Error as error:
        print(type(error).__name__, error)
    else:
        print(found)
"""


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("transport('dove')", "TransportDescriptor(name='fine'"),
        ("transport('pigeon')", "PluginConflict the transport 'pigeon' is offered by"),
        ("signature('coo_01')", "rival-four and rival-three, so neither is used"),
        ("transport('carrier')", "in a plugin that is broken (asks, lacks, mistakes, newer, off,"),
        ("preset('moonshine')", "see `pye2 plugins doctor`"),
    ],
)
def test_what_is_asked_for_is_there_or_the_error_names_the_plugins(
    environment: Environment, asked: str, told: str
) -> None:
    assert told in environment.runs(ASK.format(asked))


def test_listing_and_asking_import_no_implementation(environment: Environment) -> None:
    imported = environment.runs("""
        import sys
        from pye2core import installed_plugins
        registry = installed_plugins()
        registry.transport("dove")
        from pye2_cli.main import pye2
        pye2(["plugins", "--json"], standalone_mode=False)
        print("imported:", sorted(each for each in sys.modules if each.startswith("loft_of")))
        registry.load(registry.transport("dove"), registry.transport("dove").implementation)
        print("imported:", sorted(each for each in sys.modules if each.startswith("loft_of")))
    """)

    lines = [line for line in imported.splitlines() if line.startswith("imported:")]
    assert lines == ["imported: []", "imported: ['loft_of_fine']"]
