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


@hookimpl
def pye2_register_signatures() -> list[SignatureDescriptor]:
    """The signature that runs custom code again and again."""
    return [CUSTOM_EXEC]
