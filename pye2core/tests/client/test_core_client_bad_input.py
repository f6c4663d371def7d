"""What sessions, pipelines and instances do not take: they say which argument, and what it was.

Nothing is sent, and nothing is changed, before everything that was given has been looked at.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from pye2core import Instance, Session
from pye2core.client.code_tools import CodeTools
from pye2core.errors import CodeError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from client_support import FakeNode

    from pye2_testing import MemoryBroker
    from pye2core import Pipeline

HALF_A_CHARACTER = "\ud800"

NO_TEXT = [None, 5, True, b"bytes", ["n1"], {}, "", "  ", HALF_A_CHARACTER]
NO_FUNCTION = [5, "print", [print], {}, True]
NO_TIME = [
    None,
    True,
    "10",
    [10],
    -1,
    -0.1,
    float("nan"),
    float("inf"),
    2 * threading.TIMEOUT_MAX,
]
NO_DICTIONARY = [5, "text", [], ["A"], True, dict]
NO_FLAG = ["no", "", [], {}, print]
NO_LIST = [None, 5, "text", b"bytes", {"a": 1}]


@pytest.fixture
def pipeline(session: Session, node: FakeNode) -> Pipeline:
    return session.create_pipeline(node=node.address, name="p")


@pytest.fixture
def instance(pipeline: Pipeline) -> Instance:
    return pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")


def assert_refused(call: Callable[..., object], argument: str, value: object) -> None:
    """The call is refused for this argument, in words that name it and say what it was."""
    with pytest.raises(SettingsError) as refused:
        call(**{argument: value})

    assert refused.value.setting.startswith(argument)
    assert str(refused.value).startswith(refused.value.setting)
    assert " should be " in str(refused.value)


def cases(table: dict[str, list[Any]]) -> Any:
    """Each argument with each value that it does not take."""
    each = [(argument, value) for argument, values in table.items() for value in values]
    return pytest.mark.parametrize(("argument", "value"), each)


# --- sessions -------------------------------------------------------------------------------------


@cases(
    {
        "name": NO_TEXT,
        "on_payload": NO_FUNCTION,
        "on_notification": NO_FUNCTION,
        "on_heartbeat": NO_FUNCTION,
        "filter_workers": ["n1", b"n1", 5, {"n1": 1}, [5], ["n1", ""], [None]],
        "pinned_nodes": [*NO_DICTIONARY, {"attic": "0xai_no"}, {"attic": None}],
        "encrypt_comms": NO_FLAG,
        "silent": NO_FLAG,
        "show_commands": NO_FLAG,
        "accept_numpy2_payloads": NO_FLAG,
        "config": NO_DICTIONARY,
        "blockchain_config": NO_DICTIONARY,
        "log": [5, "log.txt", print],
        "verbosity": [None, "2", 1.5],
        "bc_engine": [5, "key", {}],
        "key_file": [5, b"key.pem", []],
        "dotenv_path": [5, b".env", []],
    },
)
def test_a_session_refuses_before_it_connects(
    broker: MemoryBroker, open_session: Callable[..., Session], argument: str, value: object
) -> None:
    assert_refused(open_session, argument, value)
    assert broker._sessions == {}


@pytest.mark.parametrize("argument", ["host", "broker", "user", "password", "root_topic"])
@pytest.mark.parametrize("value", [True, 1.5, b"bytes", ["text"], HALF_A_CHARACTER])
def test_what_is_to_be_a_text_is_not_taken_for_its_text(
    broker: MemoryBroker, argument: str, value: object
) -> None:
    given = {"broker": broker.url, "user": "me", "password": "secret", argument: value}
    if argument == "host":
        del given["broker"]

    with pytest.raises(SettingsError) as refused:
        Session(**given)

    assert refused.value.setting == argument
    assert repr(value) not in str(refused.value)


def test_a_pin_without_a_name(open_session: Callable[..., Session], node: FakeNode) -> None:
    with pytest.raises(SettingsError, match="a name in pinned_nodes is '' and should be"):
        open_session(pinned_nodes={"": node.address})


def test_any_order_of_nodes_may_be_filtered_for(open_session: Callable[..., Session]) -> None:
    for nodes in (["n1"], ("n1",), {"n1"}, iter(["n1"]), []):
        open_session(filter_workers=nodes)


@cases({"close_pipelines": NO_FLAG, "wait_close": NO_FLAG})
def test_closing_a_session(session: Session, argument: str, value: object) -> None:
    assert_refused(session.close, argument, value)
    assert session.connected


@cases(
    {
        "wait": [None, "10", -1, float("nan"), []],
        "close_session": NO_FLAG,
        "close_pipelines": NO_FLAG,
    }
)
def test_running_a_session(session: Session, argument: str, value: object) -> None:
    assert_refused(session.run, argument, value)
    assert session.connected


@pytest.mark.parametrize("value", NO_TEXT)
def test_what_is_no_node(session: Session, value: Any) -> None:
    for ask in (
        session.wait_for_node,
        session.check_node_online,
        session.get_node_name,
        session.get_active_pipelines,
    ):
        with pytest.raises(SettingsError, match="the name or the address of a node"):
            ask(value)


@cases({"timeout": NO_TIME, "verbose": NO_FLAG})
def test_waiting_for_nodes(session: Session, argument: str, value: object) -> None:
    assert_refused(session.wait_for_any_node, argument, value)
    assert_refused(lambda **given: session.wait_for_node("nobody", **given), argument, value)


# --- transactions and several instances -----------------------------------------------------------


@pytest.mark.parametrize("value", [*NO_LIST, [5], [None]])
def test_what_is_no_transactions(session: Session, value: Any) -> None:
    for wait in (session.wait_for_transactions, session.are_transactions_finished):
        with pytest.raises(SettingsError, match="transactions"):
            wait(value)
    for wait_for_sets in (
        session.wait_for_all_sets_of_transactions,
        session.wait_for_any_set_of_transactions,
    ):
        for sets in (value, [value]):
            with pytest.raises(SettingsError, match="transactions"):
                wait_for_sets(sets)


@cases(
    {
        "instances": [5, "i", ["i"], [None]],
        "require_responses_mode": ["every", None, []],
        "command": [None, 5, []],
        "payload": NO_DICTIONARY,
        "command_params": NO_DICTIONARY,
        "timeout": NO_TIME,
        "response_params_key": NO_TEXT,
    }
)
def test_asking_several_instances(
    session: Session, instance: Instance, node: FakeNode, argument: str, value: object
) -> None:
    ask = session.broadcast_instance_command_and_wait_for_response_payload

    assert_refused(lambda **given: ask(**{"instances": [instance], **given}), argument, value)
    assert node.commands.empty()


# --- pipelines ------------------------------------------------------------------------------------


@cases(
    {
        "node": NO_TEXT,
        "name": NO_TEXT,
        "data_source": NO_TEXT,
        "config": NO_DICTIONARY,
        "plugins": [
            *NO_LIST,
            [5],
            [{}, 5],
            [{"SIGNATURE": "S", "INSTANCES": 5}],
            [{"SIGNATURE": "S", "INSTANCES": ["i"]}],
            [{"SIGNATURE": "S", "INSTANCES": {"INSTANCE_ID": "i"}}],
        ],
        "on_data": NO_FUNCTION,
        "on_notification": NO_FUNCTION,
        "max_wait_time": NO_TIME,
    }
)
def test_making_a_pipeline(session: Session, node: FakeNode, argument: str, value: object) -> None:
    def create(**given: Any) -> None:
        session.create_pipeline(**{"node": node.address, "name": "p", **given})

    assert_refused(create, argument, value)
    assert session.known_pipelines.all() == []


@pytest.mark.parametrize("missing", ["SIGNATURE", "INSTANCE_ID"])
@pytest.mark.parametrize("value", NO_TEXT)
def test_a_list_of_plugins_with_something_missing(
    session: Session, node: FakeNode, missing: str, value: object
) -> None:
    named = {"SIGNATURE": "S", "INSTANCE_ID": "i", missing: value}
    plugins = [
        {
            "SIGNATURE": named["SIGNATURE"],
            "INSTANCES": [{"INSTANCE_ID": named["INSTANCE_ID"]}],
        }
    ]

    with pytest.raises(SettingsError, match=rf"plugins\[0\].* has no {missing}"):
        session.create_pipeline(node=node.address, name="p", plugins=plugins)


@cases(
    {
        "node": NO_TEXT,
        "name": NO_TEXT,
        "on_data": NO_FUNCTION,
        "on_notification": NO_FUNCTION,
        "max_wait_time": NO_TIME,
    }
)
def test_attaching_to_a_pipeline(
    session: Session, node: FakeNode, argument: str, value: object
) -> None:
    for attach in (session.attach_to_pipeline, session.create_or_attach_to_pipeline):
        assert_refused(
            lambda attach=attach, **given: attach(**{"node": node.address, "name": "p", **given}),
            argument,
            value,
        )


@cases({"timeout": NO_TIME, "with_confirmation": NO_FLAG, "wait_confirmation": NO_FLAG})
def test_deploying(pipeline: Pipeline, node: FakeNode, argument: str, value: object) -> None:
    assert_refused(pipeline.deploy, argument, value)
    assert node.commands.empty()

    pipeline.deploy()


@cases({"timeout": NO_TIME, "wait_confirmation": NO_FLAG})
def test_closing_a_pipeline(
    pipeline: Pipeline, node: FakeNode, argument: str, value: object
) -> None:
    pipeline.deploy()
    node.next_command()

    assert_refused(pipeline.close, argument, value)
    assert node.commands.empty()


@cases(
    {
        "command": [None, 5, []],
        "payload": NO_DICTIONARY,
        "command_params": NO_DICTIONARY,
        "timeout": NO_TIME,
        "wait_confirmation": NO_FLAG,
    }
)
def test_commanding_a_pipeline(
    pipeline: Pipeline, node: FakeNode, argument: str, value: object
) -> None:
    assert_refused(
        lambda **given: pipeline.send_pipeline_command(**{"command": "X", **given}),
        argument,
        value,
    )
    assert node.commands.empty()


@cases({"on_data": NO_FUNCTION, "on_notification": NO_FUNCTION})
def test_listening_to_a_pipeline(pipeline: Pipeline, argument: str, value: object) -> None:
    assert_refused(pipeline.attach, argument, value)
    assert not pipeline.is_listened_to


@cases({"config": NO_DICTIONARY, "TYPE": NO_TEXT})
def test_changing_a_pipeline(pipeline: Pipeline, argument: str, value: object) -> None:
    before = pipeline.configurations.proposed

    assert_refused(pipeline.update_acquisition_parameters, argument, value)
    assert_refused(pipeline.update_full_configuration, argument, value)

    assert pipeline.configurations.proposed == before


# --- instances ------------------------------------------------------------------------------------


@cases(
    {
        "signature": [None, 5, "", " ", int, HALF_A_CHARACTER],
        "instance_id": NO_TEXT,
        "config": NO_DICTIONARY,
        "on_data": NO_FUNCTION,
        "on_notification": NO_FUNCTION,
    }
)
def test_making_an_instance(pipeline: Pipeline, argument: str, value: object) -> None:
    def create(**given: Any) -> None:
        good = {"signature": "PUPPET_PLAIN_01", "instance_id": "i"}
        pipeline.create_plugin_instance(**{**good, **given})

    assert_refused(create, argument, value)
    assert pipeline.instances == []


@cases({"instance_id": NO_TEXT, "config": NO_DICTIONARY, "on_data": NO_FUNCTION})
def test_making_an_instance_of_custom_code(
    pipeline: Pipeline, argument: str, value: object
) -> None:
    def create(**given: Any) -> None:
        good = {"instance_id": "i", "custom_code": "return 1"}
        pipeline.create_custom_plugin_instance(**{**good, **given})

    assert_refused(create, argument, value)
    assert pipeline.instances == []


def test_an_instance_of_custom_code_without_any(pipeline: Pipeline) -> None:
    nothing: Any = None

    with pytest.raises(CodeError, match="custom_code is None"):
        pipeline.create_custom_plugin_instance(instance_id="i", custom_code=nothing)


@cases(
    {
        "instance_id": ["", 5],
        "main_node_finish_condition_kwargs": NO_DICTIONARY,
        "worker_node_pipeline_config": NO_DICTIONARY,
        "worker_node_plugin_config": NO_DICTIONARY,
        "on_data": NO_FUNCTION,
    }
)
def test_making_a_job(pipeline: Pipeline, argument: str, value: object) -> None:
    def create(**given: Any) -> None:
        pipeline.create_chain_dist_custom_plugin_instance(**{**JOB, **given})

    assert_refused(create, argument, value)
    assert pipeline.instances == []


JOB = {
    "main_node_process_real_time_collected_data": "return data",
    "main_node_finish_condition": "return True",
    "main_node_finish_condition_kwargs": {},
    "main_node_aggregate_collected_data": "return 1",
    "worker_node_code": "return 1",
    "nr_remote_worker_nodes": 1,
}


@pytest.mark.parametrize(
    "function", [name for name, given in JOB.items() if isinstance(given, str)]
)
def test_a_job_without_one_of_its_functions(
    session: Session, node: FakeNode, function: str
) -> None:
    job: dict[str, Any] = {**JOB, function: None}

    with pytest.raises(CodeError, match=f"{function} is None"):
        session.create_chain_dist_custom_job(**job, node=node.address)


@pytest.mark.parametrize("value", [5, "", []])
def test_a_job_on_what_is_no_node(session: Session, value: Any) -> None:
    with pytest.raises(SettingsError, match="the name or the address of a node"):
        session.create_chain_dist_custom_job(**JOB, node=value)


@cases({"instance_config": NO_DICTIONARY, "timeout": NO_TIME})
def test_running_code_once(
    pipeline: Pipeline, node: FakeNode, argument: str, value: object
) -> None:
    assert_refused(
        lambda **given: pipeline.wait_exec(**{"custom_code": "return 1", **given}),
        argument,
        value,
    )
    assert node.commands.empty()


@cases({"signature": [None, 5, ""], "instance_id": NO_TEXT, "on_data": NO_FUNCTION})
def test_attaching_to_an_instance(
    pipeline: Pipeline, instance: Instance, argument: str, value: object
) -> None:
    for attach in (
        pipeline.attach_to_plugin_instance,
        pipeline.create_or_attach_to_plugin_instance,
    ):
        assert_refused(
            lambda attach=attach, **given: attach(
                **{"signature": instance.signature, "instance_id": "i", **given}
            ),
            argument,
            value,
        )


@pytest.mark.parametrize("value", [None, 5, "i", ("PUPPET_PLAIN_01", "i")])
def test_what_is_no_instance(pipeline: Pipeline, instance: Instance, value: Any) -> None:
    for use in (pipeline.remove_plugin_instance, pipeline.detach_from_instance):
        assert_refused(use, "instance", value)
    assert pipeline.instances == [instance]


@pytest.mark.parametrize("value", NO_DICTIONARY)
def test_changing_an_instance(instance: Instance, value: object) -> None:
    assert_refused(instance.update_instance_config, "config", value)


@pytest.mark.parametrize("value", [None, 5, "Instance", int])
def test_what_is_no_class_for_an_instance(instance: Instance, value: object) -> None:
    assert_refused(instance.convert_to_specialized_class, "specialized_class", value)


@cases({"on_data": NO_FUNCTION, "on_notification": NO_FUNCTION})
def test_listening_to_an_instance(instance: Instance, argument: str, value: object) -> None:
    assert_refused(instance.temporary_attach, argument, value)
    assert not instance.is_listened_to


@pytest.mark.parametrize("value", [None, 5, print])
def test_listening_no_longer_to_what_was_never_listened_to(
    instance: Instance, value: object
) -> None:
    assert_refused(instance.temporary_detach, "attachment", value)


@cases(
    {
        "command": [None, 5, []],
        "payload": NO_DICTIONARY,
        "command_params": NO_DICTIONARY,
        "timeout": NO_TIME,
        "wait_confirmation": NO_FLAG,
        "session_id": [5, "", b"id"],
    }
)
def test_commanding_an_instance(
    instance: Instance, node: FakeNode, argument: str, value: object
) -> None:
    assert_refused(
        lambda **given: instance.send_instance_command(**{"command": "X", **given}),
        argument,
        value,
    )
    assert node.commands.empty()


@cases(
    {
        "command": [None, 5, []],
        "payload": NO_DICTIONARY,
        "timeout_command": NO_TIME,
        "timeout_response_payload": NO_TIME,
        "response_params_key": NO_TEXT,
    }
)
def test_asking_an_instance(
    instance: Instance, node: FakeNode, argument: str, value: object
) -> None:
    ask = instance.send_instance_command_and_wait_for_response_payload

    assert_refused(lambda **given: ask(**{"command": "X", **given}), argument, value)
    assert node.commands.empty()


# --- packing code by hand -------------------------------------------------------------------------

NO_SOURCE = [None, 5, b"return 1", [], HALF_A_CHARACTER]


@pytest.mark.parametrize("value", NO_SOURCE)
def test_what_is_no_code(value: object) -> None:
    tools = CodeTools()

    for use, argument in (
        (tools.code_to_base64, "code"),
        (tools.str_to_base64, "txt"),
        (tools.base64_to_code, "b64"),
        (tools.check_code_text, "code"),
        (tools.exec_code, "str_b64code"),
    ):
        assert_refused(use, argument, value)


def test_no_function_to_be_packed() -> None:
    nothing: Any = None

    with pytest.raises(CodeError, match="nothing to pack"):
        CodeTools.method_to_base64(nothing)


@cases({"self_var": [None, 5, "two words", ""], "timeout": NO_TIME[1:], "result_vars": [5, "x"]})
def test_trying_out_code(argument: str, value: object) -> None:
    packed = CodeTools.str_to_base64("return 1")

    assert_refused(lambda **given: CodeTools().exec_code(packed, **given), argument, value)
