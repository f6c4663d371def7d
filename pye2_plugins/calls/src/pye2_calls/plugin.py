"""What this package offers to the plugin loader; imports nothing but descriptors."""

from __future__ import annotations

from pye2core.descriptors import Role, SignatureDescriptor
from pye2core.hookspecs import hookimpl

FUNCTION_CALLS = SignatureDescriptor(
    name="FUNCTION_CALLS",
    client="pye2_calls.client.doors:CallsInstance",
    runner="pye2_calls.runner:CallsRunner",
    in_sandbox="pye2_calls.child:CallsInSandbox",
    role=Role.CALLS,
    private=True,
)


@hookimpl
def pye2_register_signatures() -> list[SignatureDescriptor]:
    """The signature that runs functions which clients call."""
    return [FUNCTION_CALLS]
