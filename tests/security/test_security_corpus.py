"""The corpus itself, and the harness: neither may be blind."""

from __future__ import annotations

import pytest
from escape_arena import Arena
from escape_corpus import attacks, snippets, twins
from escape_layers import LAYERS
from escape_table import table
from escape_trials import RAN, Trials

from pye2_custom_code.packing import packed
from pye2core.code import check_source
from pye2core.errors import CodeRefused

REACHES = {
    "003_plain_import_stmt": "output of a command",
    "029_build_class_builtin": "/etc/passwd",
    "049_np_fromfile_key": "the node's key",
    "053_np_savetxt_write": "a file outside",
    "223_datagram_out": "the listener heard a datagram",
    "226_daemon": "a file outside",
    "229_mailbox_shared_memory": "another tenant reads what it has planted",
    "253_a_guest_of_its_own": "the node's home was changed",
    "258_names_of_files": "the neighbour's data",
}
"""What must be seen of these where nothing confines them."""


def test_there_are_enough_snippets_of_each_origin() -> None:
    assert len(snippets("given")) == 57
    assert len(snippets("own")) >= 20
    assert len({each.name for each in [*attacks(), *snippets("abuse")]}) == len(
        [*attacks(), *snippets("abuse")]
    )


def test_every_family_has_a_twin() -> None:
    families = {each.family for each in [*attacks(), *snippets("abuse"), *snippets("surface")]}

    assert families == twins().keys()


@pytest.mark.parametrize("twin", twins().values(), ids=lambda each: each.name)
def test_the_clients_check_lets_twins_through(twin) -> None:
    assert check_source(twin.text + "\nreturn job(plugin)\n", parameters=("plugin",)) == []


@pytest.mark.parametrize("attack", attacks(), ids=lambda each: each.name)
def test_the_client_sends_nothing_that_the_node_would_refuse(attack) -> None:
    source = attack.source({})

    if check_source(source, parameters=("plugin",)):
        with pytest.raises(CodeRefused):
            packed(source)
    else:
        assert packed(source)


@pytest.mark.mosquitto
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("cell")
def test_without_any_layer_the_witnesses_see_what_is_reached() -> None:
    chosen = [each for each in attacks() if each.name in REACHES]

    with Arena(frozenset(LAYERS)) as arena:
        outcomes = Trials(arena).run(chosen)

    assert {each.name for each in outcomes} == REACHES.keys(), "\n".join(table(outcomes))
    for each in outcomes:
        assert each.result == RAN
        assert any(REACHES[each.name] in one for one in each.evidence), "\n".join(table(outcomes))
