"""What a sender is told of code that cannot be sent."""

from __future__ import annotations

import linecache

import pytest

from pye2core.code import CapturedCode, capture, check_function
from pye2core.code.rules import why_unknown
from pye2core.errors import CodeRefused

np = json = None
LIMIT = 1000


def find_primes(plugin):
    numbers = np.random.randint(1, LIMIT, 20)
    return json.dumps(numbers)


def test_code_that_can_be_sent_passes():
    check_function(CapturedCode("return 1", "job", None, 1, ("plugin",)))


def test_every_problem_is_told_in_the_senders_own_file():
    first = find_primes.__code__.co_firstlineno + 1

    with pytest.raises(CodeRefused) as raised:
        check_function(capture(find_primes, parameters=("plugin",)))

    assert str(raised.value).splitlines() == [
        "find_primes cannot be sent to a node, it has 3 problems:",
        f"  {__file__}:{first}: `np` does not exist on a node: use plugin.np",
        f"      {linecache.getline(__file__, first).strip()}",
        f"  {__file__}:{first}: {why_unknown('LIMIT')}",
        f"      {linecache.getline(__file__, first).strip()}",
        f"  {__file__}:{first + 1}: `json` does not exist on a node: use plugin.json",
        f"      {linecache.getline(__file__, first + 1).strip()}",
    ]
    assert [problem.name for problem in raised.value.problems] == ["np", "LIMIT", "json"]


def test_a_closure_is_refused_by_the_names_it_reads():
    limit = 3

    def job(plugin):
        return limit

    with pytest.raises(CodeRefused, match="move the definition of `limit` into the function"):
        check_function(capture(job, parameters=("plugin",)))


def test_code_given_as_text_is_told_by_its_own_lines():
    with pytest.raises(CodeRefused, match=r"custom code:2: .*use plugin\.np\n +return np\.pi"):
        check_function(capture("x = 1\nreturn np.pi", parameters=("plugin",)))
