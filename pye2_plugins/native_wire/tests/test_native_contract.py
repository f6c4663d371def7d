"""Our own dialect keeps what every wire dialect promises the kernel."""

import pye2_native_wire.plugin
from pye2_native_wire.serializer import NativeSerializer
from pye2_testing.contracts import SerializerContract


class TestNativeDialect(SerializerContract):
    plugin = pye2_native_wire.plugin
    serializer = NativeSerializer
