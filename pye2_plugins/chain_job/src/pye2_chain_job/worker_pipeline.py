"""The pipeline that a worker runs, and by which name its node knows who asks for it.

PyE2 wire protocol, section 13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2core.code import encode
from pye2core.messages import VOID, InstanceConfig, PipelineConfig

if TYPE_CHECKING:
    from pye2_chain_job.actions import Deploy
    from pye2_chain_job.settings import JobSettings
    from pye2_chain_job.stages import JobCode
    from pye2core.messages import InstancePath

PROCESS_DELAY = 0.01
"""Seconds between the starts of two runs of a worker's code, unless the job says otherwise."""

MANIFEST_SECONDS = 10.0
"""A worker that has nothing to say says so this often; its number shows if something was lost."""


def requester_name(path: InstancePath) -> str:
    """The session name under which a job's instance asks other nodes for workers."""
    return str((path.pipeline, path.signature, path.instance_id))


def worker_pipeline(
    deploy: Deploy, settings: JobSettings, code: JobCode, pieces: int
) -> PipelineConfig:
    """The configuration of a worker's pipeline.

    Its code finds its piece of the work as ``plugin.cfg_job_id`` of ``plugin.cfg_nr_jobs``.
    """
    instance: dict[str, Any] = {
        "CODE": encode(code.worker),
        "RESULT_KEY": "DATA",
        "PROCESS_DELAY": PROCESS_DELAY,
        "SEND_MANIFEST_EACH": min(MANIFEST_SECONDS, settings.node_timeout / 3),
        **settings.node_plugin_config,
        "JOB_ID": deploy.job_id,
        "NR_JOBS": pieces,
    }
    source = settings.node_pipeline_config.get("STREAM_TYPE", VOID)
    return PipelineConfig(
        deploy.pipeline,
        data_source=str(source),
        instances=(
            InstanceConfig(settings.node_signature, settings.node_default_instance_id, instance),
        ),
        settings=dict(settings.node_pipeline_config),
    )
