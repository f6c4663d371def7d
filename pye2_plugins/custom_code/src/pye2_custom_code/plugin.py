"""What this package offers to the plugin loader; imports nothing but descriptors."""

from __future__ import annotations

from pye2core.descriptors import Role, SignatureDescriptor
from pye2core.hookspecs import hookimpl

CUSTOM_EXEC = SignatureDescriptor(
    name="CUSTOM_EXEC_01",
    client="pye2_custom_code.client:CustomExecInstance",
    runner="pye2_custom_code.runner:CustomExecRunner",
    settings="pye2_custom_code.settings:CustomExecSettings",
    role=Role.CUSTOM_CODE,
    confidential=("CODE",),
)

REST_CUSTOM_EXEC = SignatureDescriptor(
    name="REST_CUSTOM_EXEC_01",
    client="pye2_custom_code.rest_client:RestCustomExecInstance",
    runner="pye2_custom_code.rest_runner:RestCustomExecRunner",
    settings="pye2_custom_code.settings:RestCustomExecSettings",
    role=Role.SINGLE_RUN,
    confidential=("REQUEST",),
)


@hookimpl
def pye2_register_signatures() -> list[SignatureDescriptor]:
    """The signatures that run custom code: again and again, and once for each request."""
    return [CUSTOM_EXEC, REST_CUSTOM_EXEC]
