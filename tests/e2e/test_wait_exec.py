"""``wait_exec`` on a real node: the result comes back, and nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import pytest

from pye2core import Session
from pye2core.errors import CodeRefused, ConfirmationTimeout

if TYPE_CHECKING:
    from pye2_cli.fleet import Fleet
    from pye2core import Pipeline

PATIENCE = 60.0
ROOT = Path(__file__).resolve().parents[2]


def mean(plugin: Any) -> Any:
    return plugin.np.mean(plugin.cfg_samples)


def divide(plugin: Any) -> Any:
    zero = 0
    return 1 / zero


def forever(plugin: Any) -> Any:
    while True:
        plugin.sleep(1)


def reported(session: Session, pipeline: Pipeline) -> dict[str, list[str]]:
    """The instances that the node says it runs of the pipeline, and of what runs code for it."""
    everything = session.known_pipelines.reported(pipeline.node_addr)
    return {
        name: [each.instance_id for each in config.instances]
        for name, config in everything.items()
        if name.startswith(pipeline.name)
    }


def wait_until_only(session: Session, pipeline: Pipeline, left: list[str]) -> None:
    """Wait until the node says that it runs just these instances of the pipeline."""
    wanted = {pipeline.name: left}
    session.run(wait=lambda: reported(session, pipeline) != wanted, close_session=False)


def test_all_forms_of_code_give_their_result(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("result = 'from a file'")

    assert pipeline.wait_exec(mean, {"samples": [1, 2, 6]}, timeout=PATIENCE) == (3.0, None)
    assert pipeline.wait_exec(custom_code="return None", timeout=PATIENCE) == (None, None)
    outcome = pipeline.wait_exec(custom_code=str(tmp_path / "code.py"), timeout=PATIENCE)
    assert outcome == ("from a file", None)


def test_an_exception_comes_back_in_the_lines_of_this_file(pipeline: Pipeline) -> None:
    result, error = pipeline.wait_exec(divide, timeout=PATIENCE)

    assert result is None
    assert "ZeroDivisionError: division by zero" in error
    assert f"{__file__}:{divide.__code__.co_firstlineno + 2}, in divide" in error


def test_nothing_stays_on_the_node(session: Session, pipeline: Pipeline) -> None:
    pipeline.create_custom_plugin_instance(
        instance_id="beside", custom_code="return 1", process_delay=60
    )
    pipeline.deploy(timeout=PATIENCE)
    pipeline.wait_exec("return 1", timeout=PATIENCE)
    pipeline.wait_exec(divide, timeout=PATIENCE)
    with pytest.raises(ConfirmationTimeout):
        pipeline.wait_exec(forever, timeout=1)
    with pytest.raises(CodeRefused):
        pipeline.wait_exec("import os", timeout=PATIENCE)

    wait_until_only(session, pipeline, ["beside"])


def test_it_works_from_within_a_callback(pipeline: Pipeline) -> None:
    outcomes: list[Any] = []
    done = threading.Event()

    def on_data(pipeline: Pipeline, result: Any, payload: Any) -> None:
        outcomes.append(pipeline.wait_exec("return 2 * plugin.cfg_x", {"x": result}))
        done.set()

    pipeline.create_custom_plugin_instance(
        instance_id="one", custom_code="return 21", process_delay=600, on_data=on_data
    )
    pipeline.deploy()

    assert done.wait(PATIENCE)
    assert outcomes == [(42, None)]


def test_several_run_at_once(session: Session, pipeline: Pipeline) -> None:
    def square(number: int) -> Any:
        return pipeline.wait_exec("return plugin.cfg_n ** 2", {"n": number}, timeout=PATIENCE)

    pipeline.deploy()
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(square, range(12)))

    assert outcomes == [(number**2, None) for number in range(12)]
    wait_until_only(session, pipeline, [])


def test_two_programs_that_run_code_on_one_pipeline_do_not_end_each_other(
    fleet: Fleet, client_key: Path, session: Session, pipeline: Pipeline
) -> None:
    pipeline.deploy(timeout=PATIENCE)
    slow = "plugin.sleep(2)\nreturn 'slow'"
    with Session(broker=fleet.url, key_file=client_key) as other, ThreadPoolExecutor() as beside:
        assert other.wait_for_node(pipeline.node_addr, timeout=PATIENCE, verbose=False)
        attached = other.attach_to_pipeline(
            node=pipeline.node_addr, name=pipeline.name, max_wait_time=PATIENCE
        )
        waiting = beside.submit(pipeline.wait_exec, slow, timeout=PATIENCE)
        session.run(wait=lambda: len(reported(session, pipeline)) < 2, close_session=False)

        assert attached.wait_exec("return 'short'", timeout=PATIENCE) == ("short", None)
        assert waiting.result(PATIENCE) == ("slow", None)
    wait_until_only(session, pipeline, [])


INTERRUPTED = """
import signal, sys
from pye2core import Session

# A shell that starts programs in the background has them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
with Session(broker=sys.argv[1], key_file=sys.argv[2]) as session:
    session.wait_for_node(sys.argv[3])
    pipeline = session.create_pipeline(node=sys.argv[3], name=sys.argv[4])
    pipeline.deploy()
    pipeline.wait_exec("while True:\\n  plugin.sleep(1)", timeout=0)
"""


def test_an_interrupted_program_leaves_nothing_behind(
    session: Session, fleet: Fleet, client_key: Path, pipeline: Pipeline
) -> None:
    address = fleet.nodes[0].address
    arguments = [fleet.url, str(client_key), address, pipeline.name]
    program = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    session.run(wait=lambda: len(reported(session, pipeline)) < 2, close_session=False)

    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=PATIENCE)

    assert "KeyboardInterrupt" in errors
    wait_until_only(session, pipeline, [])
    session.attach_to_pipeline(node=address, name=pipeline.name).close()


TUTORIAL = """
import sys
from PyE2 import Session

def remote(plugin):
  total = 0
  for n in range(plugin.cfg_upto):
    total += n
  return total

session = Session()
node = sys.argv[1]
session.wait_for_node(node)
pipeline = session.create_pipeline(node=node, name="tutorial")
result, error = pipeline.wait_exec(custom_code=remote, instance_config={"UPTO": 10}, timeout=30)
print([result, error], flush=True)
pipeline.close()
session.close()
"""


def test_a_program_written_for_pye2_gets_its_result(
    fleet: Fleet, client_key: Path, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(TUTORIAL)
    its_key = tmp_path / "_local_cache" / "_data" / "_pk_sdk.pem"
    its_key.parent.mkdir(parents=True)
    shutil.copy(client_key, its_key)

    done = subprocess.run(
        [sys.executable, "program.py", fleet.nodes[0].address],
        cwd=tmp_path,
        env={**os.environ, "PYE2_BROKER": fleet.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1].replace("None", "null")) == [45, None]


AROUND_THE_README = """
import sys
from pye2core import Session

seen = []
with Session(broker=sys.argv[1], key_file=sys.argv[2]) as session:
    session.wait_for_node(sys.argv[3])
    pipeline = session.create_pipeline(node=sys.argv[3], name=sys.argv[4])
    pipeline.P = seen.append
{blocks}
    session.run(wait=lambda: len(seen) < 2, close_session=False)
    pipeline.close()
print([result, error, *seen])
"""


def test_the_packages_readme_is_run_as_it_is_printed(
    fleet: Fleet, client_key: Path, pipeline: Pipeline, tmp_path: Path
) -> None:
    page = (ROOT / "pye2_plugins/custom_code/README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page.partition("## Once")[2], re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(AROUND_THE_README.format(blocks=indent("\n".join(blocks), "    ")))
    arguments = [fleet.url, str(client_key), fleet.nodes[0].address, pipeline.name]

    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[3.0, None, 3.0, 6]"
