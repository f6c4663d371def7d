import base64
import datetime as dt
import re
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_node.sandbox.plugin_api import Plugin
from pye2_node.sandbox.plugin_host import InstanceState


class Host:
    """Stands for the worker: keeps what the plugin object hands it."""

    def __init__(self):
        self.state = InstanceState()
        self.state.payloads_left = 3
        self.lines = []
        self.payloads = []
        self.texts = {}
        self.limits = []

    def log(self, text):
        self.lines.append(text)

    def hit_limit(self, name):
        self.limits.append(name)

    def send_payload(self, fields):
        self.payloads.append(fields)

    def save(self, name, text):
        self.texts[name] = text

    def load(self, name):
        return self.texts.get(name)

    def make_function(self, name, source, parameters):
        assert parameters == ("plugin", "data")
        return lambda plugin, data: (source, data)


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def plugin(host):
    return Plugin(host)


@pytest.fixture
def several_processors(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))


def test_settings_are_read_by_lower_case_name(host, plugin):
    host.state.settings.update({"JOB_ID": 3, "NR_JOBS": 7})

    assert (plugin.cfg_job_id, plugin.cfg_nr_jobs) == (3, 7)
    assert plugin.config == {"JOB_ID": 3, "NR_JOBS": 7}


def test_a_setting_that_is_missing_is_named_with_those_that_are_there(host, plugin):
    host.state.settings.update({"JOB_ID": 3, "UPTO": 5})

    with pytest.raises(AttributeError, match=r"no setting JOB_IDS; it has: cfg_job_id, cfg_upto"):
        plugin.cfg_job_ids  # noqa: B018 - reading it is what is tested


def test_a_setting_that_every_instance_has_gives_its_default(host, plugin):
    assert plugin.cfg_send_manifest_each == 300
    plugin.cfg_id_tags["mine"] = 1
    assert plugin.cfg_id_tags == {}

    host.state.settings["SEND_MANIFEST_EACH"] = 5
    assert plugin.cfg_send_manifest_each == 5


def test_a_misspelt_name_gets_near_ones(plugin):
    with pytest.raises(AttributeError, match=r"no attribute 'treadapi_mapp'.*plugin.threadapi_map"):
        plugin.treadapi_mapp  # noqa: B018 - reading it is what is tested


@pytest.mark.parametrize("name", ["pd", "requests", "cmdapi_start_pipeline", "dataapi_image"])
def test_a_name_that_only_pye2s_nodes_offer_says_so(plugin, name):
    with pytest.raises(AttributeError, match=f"plugin.{name} is offered by PyE2's nodes but not"):
        getattr(plugin, name)


def test_the_place_where_it_runs_has_all_of_pye2s_names(host, plugin):
    host.state.surroundings.update(
        node_name="n1", node_address="0xai_x", pipeline="p", signature="S", instance_id="i"
    )

    assert plugin.e2_addr == plugin.ee_addr == plugin.node_addr == "0xai_x"
    assert plugin.node_id == plugin.ee_id == plugin.eeid == plugin.e2_id == "n1"
    assert plugin.stream_id == plugin.pipeline_name == "p"
    assert (plugin.signature, plugin.instance_id) == ("S", "i")


def test_modules_are_at_hand(plugin):
    assert plugin.np.sqrt(4) == 2
    assert plugin.math.gcd(4, 6) == 2
    assert plugin.statistics.mean([1, 3]) == 2
    assert plugin.re.fullmatch("a+", "aa")
    assert plugin.json.loads("[1]") == [1]
    assert list(plugin.itertools.chain([1], [2])) == [1, 2]
    assert plugin.deque([1], maxlen=1)
    assert plugin.defaultdict(int)["x"] == 0
    assert plugin.datetime(2026, 1, 1) + plugin.timedelta(days=1) == dt.datetime(2026, 1, 2)  # noqa: DTZ001 - a naive one
    assert plugin.partial(max, 1)(0) == 1
    original = [[1]]
    assert plugin.deepcopy(original) == original
    assert plugin.deepcopy(original)[0] is not original[0]


# --- threads


@pytest.mark.parametrize("threads", [1, 2, 4, 100])
@pytest.mark.usefixtures("several_processors")
def test_map_keeps_the_order(plugin, threads):
    assert plugin.threadapi_map(lambda x: -x, np.arange(20), n_threads=threads) == [
        -x for x in range(20)
    ]


def test_map_takes_several_iterables_and_pye2s_positional_number_of_threads(plugin):
    assert plugin.threadapi_map(lambda x, y: x + y, [1, 2], [3, 4]) == [4, 6]
    assert plugin.threadapi_map(lambda x: x + 1, [1, 2], 4) == [2, 3]


@pytest.mark.usefixtures("several_processors")
def test_map_raises_what_the_function_raises_and_leaves_no_thread(plugin):
    before = threading.active_count()

    with pytest.raises(ZeroDivisionError):
        plugin.threadapi_map(lambda x: 1 / x, [1, 0, 1], n_threads=2)

    assert threading.active_count() == before


@pytest.mark.usefixtures("several_processors")
def test_run_gives_every_thread_its_number_and_lets_them_meet(plugin):
    meeting = threading.Barrier(3, timeout=10)

    def work(thread_id, n_threads):
        meeting.wait()
        return thread_id, n_threads

    assert plugin.threadapi_run(work, 3) == [(0, 3), (1, 3), (2, 3)]


@pytest.mark.usefixtures("several_processors")
def test_no_more_threads_than_processors(plugin):
    assert plugin.threadapi_run(lambda _, n_threads: n_threads, 100) == [4, 4, 4, 4]
    assert plugin.threadapi_run(lambda _, n_threads: n_threads, 0) == [1]


@pytest.mark.parametrize("pack", [lambda data: zlib.compress(data, 9), bytes])
def test_code_that_was_sent_as_a_setting_is_mapped(plugin, pack):
    code = base64.b64encode(pack(b"return data")).decode()

    assert plugin.threadapi_base64_code_map(code, [1, 2]) == [
        ("return data", 1),
        ("return data", 2),
    ]


# --- to the node


def test_a_log_line_ends_with_a_line_end(host, plugin):
    plugin.P("hello", color="r")
    plugin.P(3)

    assert host.lines == ["hello\n", "3\n"]


def test_payloads_are_json_with_numpys_numbers(host, plugin):
    plugin.add_payload_by_fields(a=np.int64(1), b=np.arange(2))
    plugin.add_payload({"c": 1})

    assert host.payloads == ['{"a":1,"b":[0,1]}', '{"c":1}']


def test_a_payload_that_cannot_be_carried_names_the_path(plugin):
    with pytest.raises(TypeError, match=r"payload\['a'\]\[0\] is a set"):
        plugin.add_payload_by_fields(a=[{1}])


def test_a_call_sends_no_more_payloads_than_it_may(host, plugin):
    for number in range(3):
        plugin.add_payload_by_fields(number=number)

    with pytest.raises(ValueError, match="return a list instead"):
        plugin.add_payload_by_fields(number=4)
    assert len(host.payloads) == 3
    assert host.limits == ["payloads"]


def test_defined_functions_can_be_called_by_name(host, plugin):
    host.state.functions = {"twice": lambda x: 2 * x}

    assert plugin.functions["twice"](2) == 4


# --- caches and texts


def test_caches_begin_empty_and_live(plugin):
    assert plugin.obj_cache["x"] is None
    plugin.obj_cache["x"] = object
    plugin.state["y"] = 1
    plugin.int_cache["n"] += 2
    plugin.float_cache["f"] += 0.5
    plugin.str_cache["s"] += "a"

    assert plugin.obj_cache["x"] is object
    assert plugin.local_data_cache["y"] == 1
    assert (plugin.int_cache["n"], plugin.float_cache["f"], plugin.str_cache["s"]) == (2, 0.5, "a")


def test_what_is_kept_as_json_comes_back(host, plugin):
    assert plugin.cacheapi_load_json() == {}
    assert plugin.cacheapi_load_json(default=[1]) == [1]

    plugin.cacheapi_save_json({"a": np.int64(1)})
    plugin.diskapi_save_json_to_data({"b": 2}, "x.json", indent=True)

    assert plugin.cacheapi_load_json() == {"a": 1}
    assert plugin.diskapi_load_json_from_data("x.json") == {"b": 2}
    assert plugin.diskapi_load_json_from_output("x.json") is None
    assert host.texts == {"cache.json": '{"a":1}', "data.x.json": '{"b":2}'}


def test_times_as_text(plugin):
    moment = dt.datetime(2026, 1, 31, 13, 5, tzinfo=dt.UTC)

    assert plugin.datetime_to_str(moment) == "2026-01-31 13:05:00"
    assert plugin.timestamp_to_str(0, "%Y") in {"1969", "1970"}
    assert re.fullmatch(r"\d{20}", plugin.now_str())
    assert re.fullmatch(r"\d{14}", plugin.now_str(short=True))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", plugin.now_str(nice_print=True))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", plugin.time_to_str(plugin.time()))


def test_uuids_differ_and_have_the_size_asked_for(plugin):
    assert len(plugin.uuid()) == 13
    assert len(plugin.uuid(size=5)) == 5
    assert plugin.uuid() != plugin.uuid()


@given(st.text(st.characters(codec="utf-8")), st.booleans())
def test_texts_survive_base64(text, compress):
    plugin = Plugin(Host())

    packed = plugin.str_to_base64(text, compress=compress)

    assert plugin.base64_to_str(packed, decompress=compress) == text


def test_a_text_that_unpacks_to_too_much_is_refused(plugin):
    bomb = base64.b64encode(zlib.compress(bytes(65 * 1024 * 1024), 9)).decode()

    with pytest.raises(ValueError, match="unpacks to more than"):
        plugin.base64_to_str(bomb, decompress=True)


def test_json_of_numpys_values(plugin):
    assert plugin.json_dumps({"a": np.float64(0.5)}) == '{"a":0.5}'
    assert plugin.safe_json_dumps([np.int8(1)], indent=1) == "[\n 1\n]"
    assert plugin.json_loads('{"a": 1}') == {"a": 1}
