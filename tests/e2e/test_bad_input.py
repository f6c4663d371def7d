"""What people do wrong and what they are told; none of it stops a node, a session or a job."""

from __future__ import annotations

import queue
import socket
from typing import TYPE_CHECKING, Any

import pytest

from pye2_broker import EmbeddedBroker
from pye2_cli.jobs import JobRun
from pye2core import Session
from pye2core.client.jobs import least_busy_node
from pye2core.code import encode
from pye2core.errors import (
    BrokerUnreachable,
    CodeError,
    CodeRefused,
    DeployFailed,
    JobFailedError,
    NodeNotOnline,
    NoNodeOnline,
    PresetParameterError,
    UnknownPreset,
    UnknownSignature,
    UnknownTransport,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pye2_cli.fleet import Fleet
    from pye2core import Pipeline

np = None
json = None
LIMIT = 5


def fine(plugin: Any) -> Any:
    return plugin.cfg_answer


def uses_what_is_not_there(plugin: Any) -> Any:
    values = np.arange(LIMIT)
    return json.dumps(list(values))


def divides_by_zero(plugin: Any) -> Any:
    numerator = 1
    return numerator / 0


def never_returns(plugin: Any) -> Any:
    while True:
        pass


def returns_a_set(plugin: Any) -> Any:
    return {"found": [1, {2, 3}]}


class Heard:
    """What an instance's callbacks were told, in the order in which it came."""

    def __init__(self) -> None:
        self.results: queue.Queue[Any] = queue.Queue()
        self.notifications: queue.Queue[Any] = queue.Queue()

    def on_data(self, pipeline: Pipeline, result: Any, payload: Any) -> None:
        self.results.put(result)

    def on_notification(self, pipeline: Pipeline, notification: Any) -> None:
        self.notifications.put(notification)

    def next_exception(self) -> Any:
        """The next notification of an exception."""
        while True:
            notification = self.notifications.get(timeout=20)
            if notification["NOTIFICATION_TYPE"] == "EXCEPTION":
                return notification


def deploy(pipeline: Pipeline, code: Any, **settings: Any) -> Heard:
    """Deploy one instance that runs ``code``."""
    heard = Heard()
    pipeline.create_custom_plugin_instance(
        instance_id=getattr(code, "__name__", "code"),
        custom_code=code,
        on_data=heard.on_data,
        on_notification=heard.on_notification,
        process_delay=0.2,
        **settings,
    )
    pipeline.deploy()
    return heard


def assert_the_node_still_works(session: Session, node: str) -> None:
    """A new pipeline on ``node`` gives its result."""
    pipeline = session.create_pipeline(node=node, name="still-works")
    heard = deploy(pipeline, fine, answer=42)
    assert heard.results.get(timeout=20) == 42
    pipeline.close()


# --- connecting -----------------------------------------------------------------------------------


def test_a_wrong_broker_address_says_what_to_check(client_key: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(BrokerUnreachable, match=rf"127\.0\.0\.1.*{port}"):
        Session(f"mqtt://127.0.0.1:{port}", key_file=client_key)


def test_an_unknown_kind_of_broker_says_which_are_installed(client_key: Path) -> None:
    with pytest.raises(UnknownTransport, match=r"'kafka'.*installed are: .*amqp.*mqtt"):
        Session("kafka://127.0.0.1", key_file=client_key)


def test_without_a_node_a_job_says_what_to_check(tmp_path: Path, client_key: Path) -> None:
    with (
        EmbeddedBroker(tmp_path / "broker") as broker,
        Session(broker.url, key_file=client_key) as session,
        pytest.raises(NoNodeOnline, match="pye2 up"),
    ):
        least_busy_node(session.peers, "CUSTOM_EXEC_01", timeout=0.2)


def test_a_pipeline_without_any_node_online_says_so(tmp_path: Path, client_key: Path) -> None:
    with (
        EmbeddedBroker(tmp_path / "broker") as broker,
        Session(broker.url, key_file=client_key) as session,
        pytest.raises(NodeNotOnline, match="attic"),
    ):
        session.create_pipeline(node="attic", name="p")


def test_an_unknown_node_is_told_with_those_that_are_online(session: Session) -> None:
    with pytest.raises(NodeNotOnline, match="naeural-1"):
        session.create_pipeline(node="nobody", name="p")


# --- before sending -------------------------------------------------------------------------------


def test_an_unknown_signature_says_what_is_installed(pipeline: Pipeline) -> None:
    with pytest.raises(UnknownSignature, match="CUSTOM_EXEC_01"):
        pipeline.create_plugin_instance(signature="CUSTOM_EXEC_1", instance_id="i")


def test_an_unknown_preset_says_what_is_installed(session: Session, fleet: Fleet) -> None:
    with pytest.raises(UnknownPreset, match="PRIMES"):
        session.create_job("prime", node=fleet.nodes[0].address)


def test_a_preset_without_its_parameter_names_it(session: Session, fleet: Fleet) -> None:
    from pye2core import DistributedCustomCodePresets as Presets

    with pytest.raises(PresetParameterError, match=r"\bX\b"):
        session.create_chain_dist_custom_job(
            node=fleet.nodes[0].address,
            main_node_process_real_time_collected_data=(
                Presets.PROCESS_REAL_TIME_COLLECTED_DATA__KEEP_IN_NODE_COLLECTED_DATA
            ),
            main_node_finish_condition=Presets.FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X,
            main_node_finish_condition_kwargs={},
            main_node_aggregate_collected_data=(
                Presets.AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA
            ),
            nr_remote_worker_nodes=1,
            worker_node_code="return [1]",
        )


def test_code_that_cannot_be_read_back_is_named(pipeline: Pipeline) -> None:
    with pytest.raises(CodeError, match="len"):
        deploy(pipeline, len)


def test_a_function_typed_into_a_repl_is_refused_with_the_way_out(pipeline: Pipeline) -> None:
    namespace: dict[str, Any] = {}
    exec("def typed(plugin):\n    return 1\n", namespace)

    with pytest.raises(CodeError, match="file"):
        deploy(pipeline, namespace["typed"])


def test_a_lambda_typed_into_a_repl_is_refused_with_the_way_out(pipeline: Pipeline) -> None:
    typed = eval("lambda plugin: 1")

    with pytest.raises(CodeError, match="file"):
        deploy(pipeline, typed)


def test_all_names_that_will_not_exist_on_the_node_are_found_at_once(pipeline: Pipeline) -> None:
    with pytest.raises(CodeRefused) as refused:
        deploy(pipeline, uses_what_is_not_there)

    told = str(refused.value)
    assert all(word in told for word in ("np", "plugin.np", "json", "LIMIT", "test_bad_input.py"))


# --- on the node ----------------------------------------------------------------------------------


def test_code_that_the_node_refuses_fails_the_deployment_with_its_reason(
    pipeline: Pipeline, session: Session, fleet: Fleet
) -> None:
    pipeline.create_plugin_instance(
        signature="CUSTOM_EXEC_01", instance_id="i", config={"CODE": encode("import os\nreturn 1")}
    )

    with pytest.raises(DeployFailed, match="import"):
        pipeline.deploy()
    assert_the_node_still_works(session, fleet.nodes[0].address)


def test_an_exception_comes_back_with_its_type_message_and_the_users_own_line(
    pipeline: Pipeline, session: Session, fleet: Fleet
) -> None:
    heard = deploy(pipeline, divides_by_zero)

    notification = heard.next_exception()

    told = f"{notification['NOTIFICATION']} {notification['INFO']}"
    assert "ZeroDivisionError" in told
    assert "division by zero" in told
    assert "return numerator / 0" in told
    assert_the_node_still_works(session, fleet.nodes[0].address)


def test_a_function_that_never_returns_is_ended_at_its_limit_and_disturbs_nobody(
    session: Session, fleet: Fleet, pipeline: Pipeline
) -> None:
    heard = deploy(pipeline, never_returns, exec_timeout=1)

    assert_the_node_still_works(session, fleet.nodes[0].address)
    notification = heard.next_exception()

    assert "1 s" in notification["NOTIFICATION"] + str(notification["INFO"])


def test_a_result_that_json_cannot_carry_is_told_with_the_path_to_it(pipeline: Pipeline) -> None:
    heard = deploy(pipeline, returns_a_set)

    notification = heard.next_exception()

    told = f"{notification['NOTIFICATION']} {notification['INFO']}"
    assert "['found'][1]" in told
    assert "set" in told


def test_a_job_callback_that_raises_fails_the_job_with_its_reason(
    session: Session, fleet: Fleet
) -> None:
    session.create_chain_dist_custom_job(
        node=fleet.nodes[0].address,
        main_node_process_real_time_collected_data="return data[7]",
        main_node_finish_condition="return False",
        main_node_finish_condition_kwargs={},
        main_node_aggregate_collected_data="return 1",
        nr_remote_worker_nodes=1,
        worker_node_code="return [1]",
        deploy=True,
    )

    with pytest.raises(JobFailedError, match="IndexError"):
        session.run(close_session=False, close_pipelines=True)


def test_another_job_goes_on_while_one_fails(session: Session, fleet: Fleet) -> None:
    session.create_chain_dist_custom_job(
        node=fleet.nodes[1].address,
        main_node_process_real_time_collected_data="return 1 / 0",
        main_node_finish_condition="return False",
        main_node_finish_condition_kwargs={},
        main_node_aggregate_collected_data="return 1",
        nr_remote_worker_nodes=1,
        worker_node_code="return [1]",
        deploy=True,
    )
    with pytest.raises(JobFailedError):
        session.run(close_session=False, close_pipelines=True)

    job = JobRun("primes", {"upto": 100, "workers": 2, "method": "sieve"})

    assert len(job.run(session, fleet.nodes[1].address, show_progress=False)) == 25


def test_a_command_from_an_address_that_is_not_allowed_is_answered_with_what_to_do(
    fleet: Fleet, tmp_path: Path
) -> None:
    node = fleet.nodes[0].address
    with Session(broker=fleet.url, key_file=tmp_path / "stranger.pem", silent=True) as stranger:
        assert stranger.wait_for_node(node, timeout=20, verbose=False)
        assert node not in stranger.get_allowed_nodes()
        pipeline = stranger.create_pipeline(node=node, name="strangers")

        with pytest.raises(DeployFailed, match="pye2 node allow"):
            deploy(pipeline, fine, answer=1)
        # Within the same second: answered all the same, long before it would be given up.
        with pytest.raises(DeployFailed, match="pye2 node allow"):
            pipeline.close()
