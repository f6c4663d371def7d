"""The hello world: prime numbers found by several real nodes, over a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from pye2_cli.jobs import JobRun

if TYPE_CHECKING:
    from pathlib import Path

    from pye2_cli.fleet import Fleet
    from pye2core import Session


def primes_upto(limit: int) -> list[int]:
    """By the plainest rule there is."""
    return [n for n in range(2, limit + 1) if all(n % d for d in range(2, int(n**0.5) + 1))]


SEED_STYLE_SCRIPT = """
import sys
from PyE2 import CustomPluginTemplate, DistributedCustomCodePresets as Presets, Session

def draw_primes(plugin: CustomPluginTemplate):
  def is_prime(n):
    if n <= 1:
      return False
    for i in range(2, int(plugin.np.sqrt(n)) + 1):
      if n % i == 0:
        return False
    return True

  drawn = plugin.np.random.randint(1, 1000, 20)
  verdicts = plugin.threadapi_map(is_prime, drawn, n_threads=4)
  found = []
  for i in range(len(drawn)):
    if verdicts[i]:
      found.append(drawn[i])
  return found

finished = False

def on_partial_result(pipeline, full_payload):
  global finished
  if full_payload.get("PROGRESS") == 100:
    pipeline.P("FINISHED")
    print(sorted(full_payload["DATA"]), flush=True)
    finished = True

session = Session()
node = sys.argv[1]
session.wait_for_node(node)
_, _ = session.create_chain_dist_custom_job(
  node_addr=node,
  main_node_process_real_time_collected_data=(
    Presets.PROCESS_REAL_TIME_COLLECTED_DATA__KEEP_UNIQUES_IN_AGGREGATED_COLLECTED_DATA),
  main_node_finish_condition=Presets.FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X,
  main_node_finish_condition_kwargs={"X": 167},
  main_node_aggregate_collected_data=(
    Presets.AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA),
  nr_remote_worker_nodes=2,
  worker_node_code=draw_primes,
  on_data=on_partial_result,
  deploy=True,
)
session.run(wait=lambda: not finished, close_pipelines=True)
"""


def test_a_program_written_for_pye2_runs_against_pye2_up(tmp_path: Path) -> None:
    up = subprocess.Popen(
        [sys.executable, "-m", "pye2_cli", "up", "--nodes", "3", "--env-file", ".env", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert up.stdout is not None
    ready = json.loads(up.stdout.readline())
    (tmp_path / "job.py").write_text(SEED_STYLE_SCRIPT)

    done = subprocess.run(
        [sys.executable, "job.py", ready["nodes"][0]["address"]],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYE2_")},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    up.send_signal(signal.SIGTERM)
    up.wait(20)
    up.stdout.close()

    assert done.returncode == 0, done.stderr
    assert str(primes_upto(1000)) in done.stdout
    assert up.returncode == 0


@pytest.mark.parametrize("method", ["brute-force", "trial-division", "sieve"])
def test_each_prime_preset_finds_the_168_primes_below_1000(
    session: Session, fleet: Fleet, method: str
) -> None:
    job = JobRun("primes", {"upto": 1000, "workers": 2, "method": method})

    found = job.run(session, fleet.nodes[0].address, show_progress=False)

    assert sorted(found) == primes_upto(1000)


def test_nothing_is_left_running_on_any_node_after_a_job(session: Session, fleet: Fleet) -> None:
    job = JobRun("primes", {"upto": 500, "workers": 2, "method": "sieve"})

    job.run(session, fleet.nodes[0].address, show_progress=False)

    session.run(wait=lambda: any(running_pipelines(session, fleet)), close_session=False)
    assert running_pipelines(session, fleet) == []


def running_pipelines(session: Session, fleet: Fleet) -> list[str]:
    """Names of the pipelines that the nodes say they run, besides their own."""
    return [
        name
        for node in fleet.nodes
        for name in session.get_active_pipelines(node.address) or {}
        if name != "admin_pipeline"
    ]


def test_the_demo_finds_the_primes_and_leaves_no_process_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pye2_cli", "demo", "primes", "--json"],
        # All its homes are in a temporary folder, by which its processes are known.
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"] == primes_upto(1000)
    names = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    assert not [line for line in names if any(str(tmp_path) in word for word in line)]
