"""One worker, for real: what code gives, what it raises, what it says, how it is refused."""

import asyncio
import math

import numpy as np
import pytest

from pye2_node.sandbox import SandboxLimits, SandboxPool, Surroundings
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2core.abc import FunctionSource
from pye2core.errors import CallTimedOut, CodeError, CodeRefused, SandboxDied
from pye2core.messages import InstancePath

TIMEOUT = 30


class Owner:
    """Hears what a worker says and keeps what it wants kept."""

    def __init__(self):
        self.logged = []
        self.payloads = []
        self.kept = {}
        self.limits = []

    async def on_log(self, text):
        self.logged.append(text)

    async def on_payload(self, fields):
        self.payloads.append(fields)

    async def on_cache_save(self, name, text):
        self.kept[name] = text

    async def on_cache_load(self, name):
        return self.kept.get(name)

    async def on_limit(self, name, value):
        self.limits.append((name, value))


def in_worker(scenario, *, owner=None, limits=None, surroundings=None):
    """Run ``scenario(worker)`` with a worker of its own."""

    async def run():
        pool = SandboxPool(limits)
        try:
            worker = await pool.spawn(owner or Owner(), surroundings)
            return await scenario(worker)
        finally:
            await pool.stop()

    return asyncio.run(run())


def call(source, *args, parameters=("plugin",), settings=None, **environment):
    """Define one function in a fresh worker and call it once."""

    async def scenario(worker):
        await worker.define({"job": FunctionSource(source, parameters)})
        if settings is not None:
            await worker.configure(settings)
        return await worker.call("job", *args, timeout=TIMEOUT)

    return in_worker(scenario, **environment)


def test_a_call_gives_the_value_and_how_long_it_took():
    result = call(
        "plugin.sleep(0.01)\nreturn [x * 2 for x in xs]", [1, 2], parameters=("plugin", "xs")
    )

    assert result.value == [2, 4]
    assert result.failure is None
    assert 0.01 <= result.seconds < TIMEOUT


def test_numpy_in_results_becomes_json():
    source = "return {'a': plugin.np.int64(1), 2: plugin.np.eye(2), 'n': float('nan')}"

    value = call(source).value

    assert value["a"] == 1
    assert np.array_equal(value["2"], np.eye(2))
    assert math.isnan(value["n"])


def test_several_functions_and_their_caches_share_one_worker():
    async def scenario(worker):
        await worker.define(
            {
                "add": FunctionSource(
                    "plugin.obj_cache['xs'] = (plugin.obj_cache['xs'] or []) + [x]\nreturn None",
                    ("plugin", "x"),
                ),
                "all": FunctionSource("return plugin.obj_cache['xs']"),
            }
        )
        for x in range(3):
            await worker.call("add", x, timeout=TIMEOUT)
        await worker.define(
            {"count": FunctionSource("return len(plugin.functions['all'](plugin))")}
        )
        return [(await worker.call(name, timeout=TIMEOUT)).value for name in ("all", "count")]

    assert in_worker(scenario) == [[0, 1, 2], 3]


def test_settings_and_surroundings_are_seen_and_settings_can_change():
    surroundings = Surroundings("n1", "0xai_x", InstancePath("p", "S", "i"))

    async def scenario(worker):
        source = "return [plugin.cfg_x, plugin.node_id, plugin.e2_addr, plugin.instance_id]"
        await worker.define({"job": FunctionSource(source)})
        values = []
        for x in (1, 2):
            await worker.configure({"X": x})
            values.append((await worker.call("job", timeout=TIMEOUT)).value)
        await worker.configure({"Y": 1})
        return values, (await worker.call("job", timeout=TIMEOUT)).failure

    values, failure = in_worker(scenario, surroundings=surroundings)

    assert values == [[1, "n1", "0xai_x", "i"], [2, "n1", "0xai_x", "i"]]
    assert failure.type == "AttributeError"
    assert "has no setting X; it has: cfg_y" in failure.message


def test_an_exception_comes_with_its_line_and_the_worker_goes_on():
    async def scenario(worker):
        await worker.define({"job": FunctionSource("y = 1\nreturn y / x", ("plugin", "x"))})
        failed = await worker.call("job", 0, timeout=TIMEOUT)
        return failed.failure, (await worker.call("job", 2, timeout=TIMEOUT)).value

    failure, value = in_worker(scenario)

    assert (failure.type, failure.message) == ("ZeroDivisionError", "division by zero")
    assert (failure.line, failure.source_line) == (2, "return y / x")
    assert failure.function == "job"
    assert "/" not in failure.traceback.replace("return y / x", "")
    assert value == 0.5


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("raise SystemExit(3)\nreturn 1", "SystemExit"),
        ("raise KeyboardInterrupt\nreturn 1", "KeyboardInterrupt"),
        ("x = bytearray(4 * 1024 ** 3)\nreturn 1", "MemoryError"),
        ("x = plugin.np.ones(10 ** 9)\nreturn 1", "MemoryError"),
        ("def f(n):\n  return f(n + 1)\nreturn f(0)", "RecursionError"),
        ("return {1, 2}", "ResultNotSerializable"),
        ("return 'x' * (20 * 1024 * 1024)", "ResultTooLarge"),
        ("return [[]] * 300_000", "ResultTooLarge"),
        ("return plugin.functions['no such'](plugin)", "KeyError"),
    ],
)
def test_what_ends_other_programs_is_a_failure_that_the_worker_survives(source, kind):
    async def scenario(worker):
        await worker.define({"job": FunctionSource(source), "next": FunctionSource("return 1")})
        failed = await worker.call("job", timeout=TIMEOUT)
        return failed.failure, (await worker.call("next", timeout=TIMEOUT)).value

    failure, value = in_worker(scenario)

    assert failure.type == kind
    assert value == 1


@pytest.mark.parametrize(
    "source",
    [
        "plugin.datetime(2026, 1, 1).strftime('%Y')",
        "str(plugin.np.char.upper('a'))",
        "str(plugin.np.strings.upper('a'))",
        "len(plugin.np.rec.array([(1, 2)]))",
        "plugin.np.emath.sqrt(-1).imag",
        "str(plugin.np.polynomial.Polynomial([1])(2))",
    ],
)
def test_what_is_loaded_at_its_first_use_elsewhere_is_there(source):
    result = call(f"return {source}")

    assert result.failure is None


def test_a_part_of_numpy_that_takes_too_much_memory_is_told_to_be_missing():
    failure = call("return plugin.np.ma.masked_array([1])").failure

    assert "plugin.np.ma is not there on nodes" in failure.message


def test_a_result_that_cannot_be_carried_names_the_path():
    failure = call("return {'a': [1, {2}]}").failure

    assert failure.message == "result['a'][1] is a set; return a list, for example sorted(value)"


def test_a_function_that_was_never_defined_is_a_failure():
    async def scenario(worker):
        return await worker.call("job", timeout=TIMEOUT)

    assert "no function 'job' is defined" in in_worker(scenario).failure.message


def test_refused_code_lists_every_problem_and_the_worker_goes_on():
    async def scenario(worker):
        with pytest.raises(CodeRefused) as refused:
            await worker.define(
                {
                    "a": FunctionSource("import os\nreturn np.sqrt(2)"),
                    "b": FunctionSource("return (1"),
                }
            )
        await worker.define({"a": FunctionSource("return 1")})
        return refused.value, (await worker.call("a", timeout=TIMEOUT)).value

    error, value = in_worker(scenario)

    assert [problem.line for problem in error.problems] == [1, 2, 1]
    assert "a, line 2: `np` does not exist on a node" in str(error)
    assert value == 1


@pytest.mark.parametrize("source", ["(" * 100_000, "x = " + "-" * 100_000 + "1", "\x00", "\ud800"])
def test_source_that_breaks_parsers_is_refused(source):
    with pytest.raises(CodeError):
        call(source)


def test_output_reaches_the_owner_while_it_runs_and_the_result():
    owner = Owner()

    result = call("print('a', 1)\nplugin.P('b')\nprint('c')\nreturn 1", owner=owner)

    assert result.printed == "a 1\nc\n"
    assert sorted(owner.logged) == ["a 1", "b", "c"]


def test_a_flood_of_output_is_cut_and_harms_nobody():
    owner = Owner()
    source = "for i in range(100_000):\n  print('x' * 100)\n  plugin.P('y' * 100)\nreturn 1"

    result = call(source, owner=owner)

    assert result.value == 1
    assert "output cut" in result.printed
    assert len(result.printed) < 70_000
    assert sum(map(len, owner.logged)) < 140_000


def test_payloads_are_sent_in_order_before_the_result():
    owner = Owner()

    call(
        "for i in range(3):\n  plugin.add_payload_by_fields(i=plugin.np.int8(i))\nreturn 1",
        owner=owner,
    )

    assert owner.payloads == [{"i": 0}, {"i": 1}, {"i": 2}]


def test_what_is_kept_outlives_the_worker():
    owner = Owner()

    call("plugin.cacheapi_save_json({'n': 5})\nreturn 1", owner=owner)

    assert call("return plugin.cacheapi_load_json()", owner=owner).value == {"n": 5}


def test_threads_can_load_what_is_kept():
    owner = Owner()
    owner.kept["cache.json"] = "[1]"
    source = (
        "return plugin.threadapi_map(lambda _: plugin.cacheapi_load_json(), range(50), n_threads=4)"
    )

    assert call(source, owner=owner).value == [[1]] * 50


def test_a_kept_text_too_large_for_an_answer_is_an_error_in_the_code_which_goes_on():
    source = """
try:
    plugin.cacheapi_load_json()
except ValueError as error:
    return str(error)
"""
    owner = Owner()
    owner.kept["cache.json"] = "\x01" * 3_000_000

    result = call(source, owner=owner)

    assert "a frame of 18000025 bytes" in result.value


@pytest.mark.parametrize(
    ("kept", "found"),
    [(' [1, "a"]\n', [1, "a"]), ("[1", "JSONDecodeError"), ("1 2", "JSONDecodeError")],
)
def test_what_somebody_else_wrote_is_read_as_the_json_that_it_is(kept, found):
    source = """
try:
    return plugin.cacheapi_load_json()
except ValueError as error:
    return type(error).__name__
"""
    owner = Owner()
    owner.kept["cache.json"] = kept

    assert call(source, owner=owner).value == found


def test_a_large_text_is_kept_and_comes_back_whole():
    source = """
plugin.cacheapi_save_json("x" * 2_000_000)
return len(plugin.cacheapi_load_json())
"""

    assert call(source).value == 2_000_000


def test_a_text_too_large_to_keep_is_an_error_in_the_code():
    limits = SandboxLimits(worker=WorkerLimits(cache_text=100))

    failure = call("plugin.cacheapi_save_json('x' * 200)\nreturn 1", limits=limits).failure

    assert (failure.type, failure.line) == ("ValueError", 1)


def test_a_file_name_that_leads_elsewhere_is_an_error_in_the_code():
    owner = Owner()

    failure = call("plugin.diskapi_save_json_to_data({}, '../../x')\nreturn 1", owner=owner).failure

    assert "cannot be the name" in failure.message
    assert owner.kept == {}


@pytest.mark.parametrize(
    "asking",
    ["plugin.diskapi_save_json_to_data({}, name)", "plugin.diskapi_load_json_from_data(name)"],
)
def test_a_file_name_of_megabytes_is_no_more_than_an_error_in_the_code(asking):
    failure = call(f"name = 'x' * 2000000\n{asking}").failure

    assert (failure.type, failure.line) == ("ValueError", 2)
    assert "cannot be the name" in failure.message


def test_arguments_that_cannot_be_carried_are_an_error_and_the_worker_goes_on():
    async def scenario(worker):
        await worker.define({"job": FunctionSource("return x", ("plugin", "x"))})
        with pytest.raises(CodeError, match="cannot be carried as JSON"):
            await worker.call("job", {1, 2}, timeout=TIMEOUT)
        with pytest.raises(CodeError, match="more than the"):
            await worker.call("job", "x" * (17 * 1024 * 1024), timeout=TIMEOUT)
        return (await worker.call("job", 1, timeout=TIMEOUT)).value

    assert in_worker(scenario) == 1


def test_a_call_beyond_its_time_limit_ends_the_process_and_tells_what_it_printed():
    async def scenario(worker):
        await worker.define(
            {"job": FunctionSource("print('so far')\nwhile True:\n  pass\nreturn 1")}
        )
        with pytest.raises(CallTimedOut) as timed_out:
            await worker.call("job", timeout=0.3)
        with pytest.raises(SandboxDied):
            await worker.call("job", timeout=0.3)
        return timed_out.value, await worker.exited

    error, ended = in_worker(scenario)

    assert error.seconds == 0.3
    assert "the function job took longer than 0.3 s" in str(error)
    assert "so far" in str(error)
    assert ended.signal == 9
    assert "time limit" in ended.reason


def test_a_loop_that_catches_everything_is_ended_too():
    source = "while True:\n  try:\n    while True:\n      pass\n  except BaseException:\n    pass"

    async def scenario(worker):
        await worker.define({"job": FunctionSource(source)})
        with pytest.raises(CallTimedOut):
            await worker.call("job", timeout=0.3)

    in_worker(scenario)


@pytest.mark.parametrize(
    ("ending", "code", "number", "reason"),
    [
        ("[plugin.random][0]._os._exit(3)", 3, None, "exit code 3"),
        (
            "plugin.np.lib.stride_tricks.as_strided(plugin.np.ones(1), (2,), (1 << 45,)).sum()",
            None,
            11,
            "SIGSEGV",
        ),
        ("[plugin.random][0]._os.abort()", None, 6, "SIGABRT"),
        ("[plugin.random][0]._os.close(3)", None, None, "channel"),
    ],
)
def test_code_that_ends_its_process_is_told_with_how_and_its_last_words(
    ending, code, number, reason
):
    source = f"print('last words')\n{ending}\nreturn 1"

    async def scenario(worker):
        await worker.define({"job": FunctionSource(source)})
        with pytest.raises(SandboxDied) as died:
            await worker.call("job", timeout=TIMEOUT)
        return died.value, await worker.exited

    error, ended = in_worker(scenario)

    assert "last words" in str(error)
    assert reason in ended.reason
    if code is not None or number is not None:
        assert (error.code, error.signal) == (ended.code, ended.signal) == (code, number)


def test_stopping_an_idle_worker_lets_it_end_by_itself():
    async def scenario(worker):
        await worker.define({"job": FunctionSource("return 1")})
        await worker.stop(grace=TIMEOUT)
        return await worker.exited

    ended = in_worker(scenario)

    assert (ended.code, ended.signal, ended.reason) == (0, None, "it was stopped")


def test_stopping_a_busy_worker_kills_it_and_fails_the_call():
    async def scenario(worker):
        await worker.define({"job": FunctionSource("while True: pass")})
        calling = asyncio.create_task(worker.call("job", timeout=TIMEOUT))
        await asyncio.sleep(0)
        await worker.stop(grace=0.1)
        with pytest.raises(SandboxDied, match="it was stopped"):
            await calling
        return await worker.exited

    assert in_worker(scenario).signal == 9


def test_a_call_that_nobody_waits_for_any_more_does_not_spoil_the_next():
    source = (
        "plugin.cacheapi_load_json()\nplugin.sleep(seconds)\nplugin.cacheapi_load_json()\nreturn x"
    )

    async def scenario(worker):
        await worker.define({"job": FunctionSource(source, ("plugin", "seconds", "x"))})
        calling = asyncio.create_task(worker.call("job", 0.3, "old", timeout=TIMEOUT))
        await asyncio.wait({calling}, timeout=0.05)
        calling.cancel()
        await asyncio.wait({calling})
        return (await worker.call("job", 0, "new", timeout=TIMEOUT)).value

    assert in_worker(scenario) == "new"


def test_calls_at_the_same_time_are_made_one_after_the_other():
    async def scenario(worker):
        await worker.define(
            {"job": FunctionSource("plugin.sleep(0.01)\nreturn x", ("plugin", "x"))}
        )
        results = await asyncio.gather(*(worker.call("job", x, timeout=TIMEOUT) for x in range(5)))
        return [result.value for result in results]

    assert in_worker(scenario) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("x = bytearray(4 * 1024 ** 3)\nreturn 1", "memory"),
        ("for i in range(3):\n  print('x' * 100_000)\nreturn 1", "output"),
        ("for i in range(3):\n  plugin.P('x' * 100_000)\nreturn 1", "output"),
        ("for i in range(1100):\n  plugin.add_payload_by_fields(i=i)\nreturn 1", "payloads"),
        ("plugin.add_payload_by_fields(i=[[]] * 300_000)\nreturn 1", "payload_values"),
        ("return [0] * 300_000", "payload_values"),
        ("return 'x' * (20 * 1024 * 1024)", "payload_bytes"),
        ("plugin.cacheapi_save_json('x' * 5_000_000)\nreturn 1", "kept_text"),
    ],
)
def test_a_limit_that_is_hit_is_told_once_by_its_name_and_value(source, name):
    owner = Owner()

    call(source, owner=owner)

    assert owner.limits == [(name, SandboxLimits().value_of(name))]


def test_the_time_limit_is_told_as_a_limit():
    owner = Owner()

    async def scenario(worker):
        await worker.define({"job": FunctionSource("while True: pass\nreturn 1")})
        with pytest.raises(CallTimedOut):
            await worker.call("job", timeout=0.5)

    in_worker(scenario, owner=owner)

    assert owner.limits == [("exec_timeout", 0.5)]
