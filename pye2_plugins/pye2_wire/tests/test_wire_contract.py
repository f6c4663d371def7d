"""PyE2's dialect keeps the contract of a wire dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings

import pye2_wire.plugin
from pye2_testing.contracts import SerializerContract
from pye2_testing.contracts.serializer.messages import payloads
from pye2_wire.serializer import Pye2Serializer

if TYPE_CHECKING:
    from pye2core.messages import PayloadMessage


class TestPye2Dialect(SerializerContract):
    plugin = pye2_wire.plugin
    serializer = Pye2Serializer

    @settings(deadline=None)
    @given(payload=payloads)
    def test_what_is_sent_on_is_another_message(self, payload: PayloadMessage) -> None:
        once = self.arrived(payload)

        assert self.arrived(once).origin.digest != once.origin.digest
