"""What this package offers to the plugin loader; imports nothing but descriptors."""

from __future__ import annotations

from pye2core.descriptors import Role, SignatureDescriptor
from pye2core.hookspecs import hookimpl

CHAIN_JOB = SignatureDescriptor(
    name="PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST",
    client="pye2_chain_job.client:ChainJobInstance",
    runner="pye2_chain_job.runner:ChainJobRunner",
    settings="pye2_chain_job.settings:JobSettings",
    role=Role.CHAIN_JOB,
    confidential=(
        "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA",
        "CUSTOM_CODE_FINISH_CONDITION",
        "CUSTOM_CODE_AGGREGATE_COLLECTED_DATA",
        "CUSTOM_CODE_PROGRESS",
        "CUSTOM_CODE_REMOTE_NODE",
        "DELEGATION",
    ),
)


@hookimpl
def pye2_register_signatures() -> list[SignatureDescriptor]:
    """The signature of a distributed job's main node."""
    return [CHAIN_JOB]
