"""Loading plugins: what each phase promises, and that a broken plugin costs only itself.

The plugins are real distributions: metadata and modules in a folder that is put on ``sys.path``.
"""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from pye2core.plugins import Phase, PluginRecord, PluginRegistry, PluginState
from pye2core.plugins.discovery import LoadPolicy, installed_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pye2core.plugins.discovery import Candidate

GOOD = """
    from pye2core import PresetDescriptor, Stage, hookimpl

    @hookimpl
    def pye2_register_presets():
        return [PresetDescriptor("GOOD", Stage.PROCESS, "nowhere:nothing")]
"""


@define
class Site:
    """A folder of installed distributions, the only one that discovery sees."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    modules: list[str] = field(factory=list)

    def module(self, name: str, source: str, folder: Path | None = None) -> None:
        self.modules.append(name)
        (folder or self.folder).joinpath(f"{name}.py").write_text(dedent(source))

    def metadata(
        self,
        distribution: str,
        entry_points: str | bytes,
        *,
        version: str = "1.0",
        requires: tuple[str, ...] = (),
        folder: Path | None = None,
    ) -> Path:
        info = (folder or self.folder) / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        lines += [f"Requires-Dist: {line}" for line in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        if isinstance(entry_points, str):
            entry_points = entry_points.encode()
        (info / "entry_points.txt").write_bytes(entry_points)
        return info

    def plugin(self, name: str, source: str = GOOD, *, requires: tuple[str, ...] = ()) -> None:
        """Install a distribution ``name-dist`` with one plugin in a module of its own."""
        self.module(f"{name}_module", source)
        self.metadata(f"{name}-dist", f"[pye2]\n{name} = {name}_module\n", requires=requires)

    def candidates(self, *paths: Path) -> list[Candidate]:
        with self.monkeypatch.context() as patched:
            patched.setattr(sys, "path", [str(path) for path in (*paths, self.folder)])
            return installed_candidates()

    def registry(self, policy: LoadPolicy | None = None) -> PluginRegistry:
        return PluginRegistry(self.candidates(), policy)

    def record(self, name: str) -> PluginRecord:
        return next(each for each in self.registry().records if each.name == name)

    def was_imported(self, name: str) -> bool:
        return f"{name}_module" in sys.modules


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    made = Site(folder, monkeypatch)
    yield made
    for module in made.modules:
        sys.modules.pop(module, None)


def test_a_loaded_plugin_has_a_record_of_where_it_came_from(site: Site) -> None:
    site.plugin("fine")

    records = site.registry().records

    assert records == (
        PluginRecord(
            name="fine",
            distribution="fine-dist",
            version="1.0",
            target="fine_module",
            state=PluginState.LOADED,
            phase=Phase.LOADED,
        ),
    )


def test_plugins_are_loaded_in_the_order_of_their_names(site: Site) -> None:
    for name in ("zebra", "ant", "mole"):
        site.plugin(name)

    assert [record.name for record in site.registry().records] == ["ant", "mole", "zebra"]


def hook(line: str, name: str = "pye2_register_presets", arguments: str = "") -> str:
    return f"""
    import sys
    from pye2core import PresetDescriptor, Stage, TransportDescriptor, hookimpl

    @hookimpl
    def {name}({arguments}):
        {line}
    """


BROKEN = {
    "raises on import": ("raise ValueError('no moon')", Phase.IMPORT, "ValueError: no moon"),
    "lacks a module": ("import no_such_thing", Phase.IMPORT, "needs the module 'no_such_thing'"),
    "raises what is no Exception": (
        "raise type('Stop', (BaseException,), {})('now')",
        Phase.IMPORT,
        "Stop: now",
    ),
    "raises what Ctrl-C does": ("raise KeyboardInterrupt", Phase.IMPORT, "KeyboardInterrupt"),
    "raises what Ctrl-C does in a hook": (
        hook("raise KeyboardInterrupt"),
        Phase.REGISTER,
        "KeyboardInterrupt",
    ),
    "ends the process": ("import sys\nsys.exit('bye')", Phase.IMPORT, "SystemExit: bye"),
    "is no Python": ("def (:", Phase.IMPORT, "SyntaxError"),
    "has a misspelled hook": (
        hook("return []", "pye2_register_preset"),
        Phase.REGISTER,
        "pye2_register_preset",
    ),
    "asks for an argument that is not given": (
        hook("return []", arguments="registry"),
        Phase.REGISTER,
        "registry",
    ),
    "raises in a hook": (
        hook("raise KeyError('where')"),
        Phase.REGISTER,
        "pye2_register_presets: KeyError: 'where'",
    ),
    "ends the process in a hook": (hook("sys.exit(3)"), Phase.REGISTER, "SystemExit: 3"),
    "raises what is no Exception in a hook": (
        hook("raise type('Stop', (BaseException,), {})('now')"),
        Phase.REGISTER,
        "Stop: now",
    ),
    "raises what cannot be told": (
        "class Sly(Exception):\n    def __str__(self): raise ValueError\nraise Sly",
        Phase.IMPORT,
        "Sly: (its text cannot be made: ValueError)",
    ),
    "gives what is no collection": (
        hook("return 7"),
        Phase.VALIDATE,
        "gave 7, which is not a list of PresetDescriptor",
    ),
    "forgets to give anything": (
        hook("[]"),
        Phase.VALIDATE,
        "gave None, which is not a list of PresetDescriptor",
    ),
    "gives what cannot be shown": (
        hook("return [type('Sly', (), {'__repr__': lambda self: 1 / 0})()]"),
        Phase.VALIDATE,
        "which is not a PresetDescriptor",
    ),
    "gives an invalid descriptor": (
        hook("return [PresetDescriptor('A B', Stage.JOB, 'm:o')]"),
        Phase.REGISTER,
        "A B",
    ),
    "gives what is no descriptor": (
        hook("return ['GOOD']"),
        Phase.VALIDATE,
        "'GOOD', which is not a PresetDescriptor",
    ),
    "gives a descriptor of another kind": (
        hook("return [TransportDescriptor('t', ('t',), 'm:o')]"),
        Phase.VALIDATE,
        "not a PresetDescriptor",
    ),
    "gives one name twice": (
        hook("return [PresetDescriptor(name, Stage.JOB, 'm:o') for name in 'xX']"),
        Phase.VALIDATE,
        "'X' twice",
    ),
}


@pytest.mark.parametrize(("source", "phase", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_a_plugin_that_fails_costs_only_itself_and_its_record_says_why(
    site: Site, source: str, phase: Phase, told: str
) -> None:
    site.plugin("broken", source)
    site.plugin("fine")

    registry = site.registry()

    broken, fine = registry.records
    assert (broken.state, broken.phase) == (PluginState.BROKEN, phase)
    assert broken.error is not None
    assert told in broken.error
    assert broken.advice
    assert fine.state is PluginState.LOADED
    assert set(registry.presets()) == {"GOOD"}


@pytest.mark.parametrize(
    "source",
    [
        "import signal\nsignal.raise_signal(signal.SIGINT)",
        hook("__import__('signal').raise_signal(2)"),
    ],
    ids=["while it is imported", "while it is asked"],
)
def test_a_real_ctrl_c_ends_the_loading_of_plugins(site: Site, source: str) -> None:
    site.plugin("slow", source)
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        site.registry()

    assert signal.getsignal(signal.SIGINT) is before


def test_plugins_can_be_loaded_by_any_thread(site: Site) -> None:
    site.plugin("rude", "raise KeyboardInterrupt")

    with ThreadPoolExecutor(1) as elsewhere:
        (record,) = elsewhere.submit(site.registry).result().records

    assert record.state is PluginState.BROKEN


def test_a_defect_is_told_with_the_plugins_own_line_and_the_field(site: Site) -> None:
    site.plugin("broken", hook("return [PresetDescriptor('A B', Stage.JOB, 'm:o')]"))

    error = str(site.record("broken").error)

    assert "'name' must match" in error
    assert "Attribute(" not in error
    assert "broken_module.py:7)" in error


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (hook("return []", "pye2_register_preset"), "did you mean pye2_register_presets?"),
        (hook("return []", "pye2_moonshine"), "the hooks are pye2_register_transports, pye2_"),
        (
            hook("return []", arguments="registry"),
            "takes 'registry', which that hook does not give: it has no arguments",
        ),
        (
            hook("return []", "pye2_message_sent", arguments="message, moon"),
            "takes 'moon', which that hook does not give: it has message",
        ),
    ],
)
def test_a_wrong_hook_is_told_with_those_that_there_are(site: Site, source: str, told: str) -> None:
    site.plugin("broken", source)

    assert told in str(site.record("broken").error)


def test_a_module_that_the_plugin_does_not_declare_is_its_makers_defect(site: Site) -> None:
    site.plugin("broken", "import no_such_thing", requires=("attrs", "nowhere; extra == 'x'"))

    advice = str(site.record("broken").advice)

    assert advice.startswith("broken-dist does not declare it: this is a defect of broken-dist 1.0")
    assert "--force-reinstall" not in advice


def test_a_declared_requirement_that_is_not_there_is_what_to_install(site: Site) -> None:
    requires = ("attrs", "no-such-thing>=3; python_version > '3'", "attrs>=9999")
    site.plugin("broken", "import no_such_thing", requires=requires)

    assert site.record("broken").advice == "`pip install 'no-such-thing>=3' 'attrs>=9999'`"


def test_a_module_of_its_own_that_is_gone_comes_back_with_the_distribution(site: Site) -> None:
    site.metadata("torn-dist", "[pye2]\ntorn = torn_module.plugin\n")

    assert "`pip install --force-reinstall torn-dist`" in str(site.record("torn").advice)


def test_what_a_plugin_raises_is_told_with_file_and_line(site: Site) -> None:
    site.plugin("broken", "1 / 0")

    assert "broken_module.py:1" in str(site.record("broken").error)


@pytest.mark.parametrize("target", ["not a module!", "fine_module:nothing", "", ":x"])
def test_an_entry_point_that_names_nothing_fails_in_the_import(site: Site, target: str) -> None:
    site.module("fine_module", GOOD)
    site.metadata("odd", f"[pye2]\nodd = {target}\n")

    record = site.record("odd")

    assert (record.state, record.phase) == (PluginState.BROKEN, Phase.IMPORT)


def test_a_plugin_that_fails_late_leaves_nothing_behind(site: Site) -> None:
    site.plugin(
        "half",
        """
        from pye2core import PresetDescriptor, Stage, hookimpl

        heard = []

        @hookimpl
        def pye2_register_presets():
            return [PresetDescriptor("HALF", Stage.PROCESS, "nowhere:nothing")]

        @hookimpl
        def pye2_register_commands():
            raise RuntimeError("too late")

        @hookimpl
        def pye2_node_started(name):
            heard.append(name)
        """,
    )

    registry = site.registry()
    registry.observe("pye2_node_started", name="n", address="a")

    assert registry.records[0].state is PluginState.BROKEN
    assert not registry.presets()
    assert sys.modules["half_module"].heard == []


def test_a_plugin_that_passes_is_unharmed_by_those_that_failed_before_it(site: Site) -> None:
    site.plugin("a", hook("return []", arguments="registry"))
    site.plugin("b", "1 / 0")
    site.plugin("c")

    registry = site.registry()

    assert [each.state.value for each in registry.records] == ["broken", "broken", "loaded"]
    assert set(registry.presets()) == {"GOOD"}


# --- compatible? ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "requirement",
    [
        "pye2core",
        "pye2core>=0.1,<0.2",
        "pye2core[fast]>=0.1",
        "pye2core [ fast , other ]  >= 0.1",
        "pye2core (>=0.1)",
        "PyE2Core>=0.1",
        "pye2core>=0.1 ; python_version >= '3.8'",
        "pye2core>=9; python_version < '3'",
        "pye2core>=9; extra == 'future'",
        "pye2core @ file:///somewhere/pye2core.whl",
        "pye2core-extras>=9",
        "pye2core_other>=9",
        "pye2corelike>=9",
        "something !! unreadable",
        "",
    ],
)
def test_a_requirement_that_this_kernel_meets_or_that_is_not_about_it_lets_the_plugin_load(
    site: Site, requirement: str
) -> None:
    site.plugin("some", requires=(requirement, "attrs>=1"))

    assert site.record("some").state is PluginState.LOADED


@pytest.mark.parametrize(
    "requirement",
    [
        "pye2core>=9",
        "pye2core[fast]>=9",
        " PYE2CORE  <0.1",
        "pye2core (>=9)",
        "pye2core>=9; python_version >= '3'",
    ],
)
def test_a_plugin_for_another_kernel_is_not_imported(site: Site, requirement: str) -> None:
    site.plugin("foreign", requires=("attrs", requirement))

    record = site.record("foreign")

    assert (record.state, record.phase) == (PluginState.BROKEN, Phase.COMPATIBLE)
    assert "needs pye2core" in str(record.error)
    assert "pip install" in str(record.advice)
    assert "foreign-dist" in str(record.advice)
    assert not site.was_imported("foreign")


def test_a_development_version_of_the_kernel_is_within_the_range_around_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pye2core.plugins.loader.__version__", "0.2.0.dev1")
    site.plugin("some", requires=("pye2core>=0.1",))

    assert site.record("some").state is PluginState.LOADED


def test_every_requirement_on_the_kernel_that_applies_counts(site: Site) -> None:
    site.plugin("foreign", requires=("pye2core>=0.1", "pye2core<0.1; python_version >= '3'"))

    assert site.record("foreign").phase is Phase.COMPATIBLE


@pytest.mark.parametrize(
    "requirement", ["pye2core >> 1", "pye2core banana", "pye2core>=0.1; moon == 'full'"]
)
def test_an_unreadable_requirement_on_the_kernel_costs_that_plugin_only(
    site: Site, requirement: str
) -> None:
    site.plugin("garbled", requires=(requirement,))
    site.plugin("fine")

    fine, garbled = site.registry().records

    assert (garbled.state, garbled.phase) == (PluginState.BROKEN, Phase.METADATA)
    assert not site.was_imported("garbled")
    assert fine.state is PluginState.LOADED


# --- unique? --------------------------------------------------------------------------------------


def test_of_two_plugins_of_one_name_neither_is_imported_and_both_are_named(site: Site) -> None:
    for distribution in ("first", "second"):
        site.module(f"{distribution}_module", GOOD)
        site.metadata(distribution, f"[pye2]\ntwin = {distribution}_module\n")

    records = site.registry().records

    assert [record.phase for record in records] == [Phase.UNIQUE, Phase.UNIQUE]
    for record in records:
        assert "first and second" in str(record.error)
        assert "`pip uninstall first` or `pip uninstall second`" in str(record.advice)
    assert not site.was_imported("first")
    assert not site.was_imported("second")


def test_a_second_name_for_the_same_module_is_refused(site: Site) -> None:
    site.module("shared_module", GOOD)
    site.metadata("both", "[pye2]\none = shared_module\ntwo = shared_module\n")

    one, two = site.registry().records

    assert one.state is PluginState.LOADED
    assert (two.state, two.phase) == (PluginState.BROKEN, Phase.REGISTER)


# --- metadata -------------------------------------------------------------------------------------


def test_a_copy_further_down_the_path_is_not_a_second_plugin(site: Site, tmp_path: Path) -> None:
    site.plugin("some")
    old = tmp_path / "old"
    site.metadata("Some_Dist", "[pye2]\nsome = old_module\n", version="0.9", folder=old)

    (candidate,) = site.candidates()
    assert site.candidates(old)[0].version == "0.9"
    assert candidate.version == "1.0"
    assert len(site.candidates(old)) == 1


def test_a_copy_that_has_become_plain_hides_the_plugin_behind_it(
    site: Site, tmp_path: Path
) -> None:
    site.plugin("some")
    new = tmp_path / "new"
    site.metadata("some-dist", "[console_scripts]\nx = y:z\n", version="2.0", folder=new)

    assert site.candidates(new) == []


def test_malformed_entry_points_of_a_plugin_are_told(site: Site) -> None:
    site.metadata("garbled", "[pye2]\nno equals sign\n")
    site.plugin("fine")

    fine, garbled = site.registry().records

    assert (garbled.distribution, garbled.state) == ("garbled", PluginState.BROKEN)
    assert garbled.phase is Phase.METADATA
    assert "pip install --force-reinstall" in str(garbled.advice)
    assert fine.state is PluginState.LOADED


def test_a_plugin_is_found_whose_metadata_has_another_name_than_its_folder(site: Site) -> None:
    site.plugin("some")
    (site.folder / "some_dist-1.0.dist-info").rename(site.folder / "renamed-1.0.dist-info")

    record = site.record("some")

    assert (record.distribution, record.state) == ("some-dist", PluginState.LOADED)


@pytest.mark.parametrize("content", ["[console_scripts]\nno equals sign\n", b"\xff\xfe\x00[pye2]"])
def test_a_distribution_without_readable_plugins_is_none_of_our_business(
    site: Site, content: str | bytes
) -> None:
    site.metadata("stranger", content)
    site.plugin("fine")

    assert [record.name for record in site.registry().records] == ["fine"]


def test_a_plugin_whose_metadata_is_gone_is_told_and_costs_only_itself(site: Site) -> None:
    info = site.metadata("remains", "[pye2]\nremains = remains_module\n")
    (info / "METADATA").unlink()
    site.plugin("fine")

    states = {record.state: record for record in site.registry().records}

    assert states[PluginState.BROKEN].phase is Phase.METADATA
    assert states[PluginState.LOADED].name == "fine"


# --- enabled? -------------------------------------------------------------------------------------


@pytest.mark.parametrize("disabled", ["off", "*"])
def test_a_disabled_plugin_is_not_imported(site: Site, disabled: str) -> None:
    site.plugin("off", "raise AssertionError('imported')")

    (record,) = site.registry(LoadPolicy(disabled=frozenset({disabled}))).records

    assert (record.state, record.phase) == (PluginState.DISABLED, Phase.ENABLED)
    assert record.error is None
    assert "PYE2_DISABLE_PLUGINS" in str(record.advice)
    assert not site.was_imported("off")


def test_a_plugin_with_unusable_metadata_can_be_disabled(site: Site) -> None:
    site.metadata("garbled", "[pye2]\nno equals sign\n")

    (record,) = site.registry(LoadPolicy(disabled=frozenset({"garbled"}), strict=True)).records

    assert record.state is PluginState.DISABLED


# --- what a plugin can be -------------------------------------------------------------------------


def test_a_plugin_can_be_a_class(site: Site) -> None:
    site.module(
        "class_module",
        """
        from pye2core import PresetDescriptor, Stage, hookimpl

        class Plugin:
            @hookimpl
            def pye2_register_presets(self):
                return [PresetDescriptor("METHOD", Stage.PROCESS, "nowhere:nothing")]

            @staticmethod
            @hookimpl
            def pye2_register_commands():
                return []
        """,
    )
    site.metadata("classy", "[pye2]\nclassy = class_module:Plugin\n")

    registry = site.registry()

    assert registry.records[0].error is None
    assert set(registry.presets()) == {"METHOD"}


def test_a_plugin_may_offer_nothing(site: Site) -> None:
    site.plugin("quiet", "")

    assert site.record("quiet").state is PluginState.LOADED


def test_all_broken_plugins_are_one_warning_and_each_is_told_to_whom_wants_to_know(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.plugin("broken", "1 / 0")
    site.plugin("late", "raise ValueError")

    with caplog.at_level("INFO", logger="pye2core.plugins"):
        site.registry()

    (line,) = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert line == "2 plugins are broken (broken, late): `pye2 plugins doctor`"
    told = [each.message for each in caplog.records if each.levelname == "INFO"]
    assert len(told) == 2
    assert "broken (broken-dist 1.0): broken in phase import: ZeroDivisionError" in told[0]


def test_a_trace_shows_every_phase_of_every_plugin(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.plugin("some")

    site.registry(LoadPolicy(trace=True))

    lines = capsys.readouterr().err.splitlines()
    phases = ["metadata", "compatible", "unique", "import", "register", "validate"]
    assert lines[:-1] == [f"pye2 plugins: some: {phase}" for phase in phases]
    assert lines[-1] == "pye2 plugins: some (some-dist 1.0): loaded in phase loaded"
