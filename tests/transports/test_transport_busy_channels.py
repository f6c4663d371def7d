"""What the feature ``ordered`` of a transport promises where two channels are busy at once."""

from __future__ import annotations

import threading

import pytest

from pye2core.abc import Channel

PATIENCE = 30.0
MANY = 2000

PAYLOADS = Channel.payloads()
INBOX = Channel.inbox("0xai_A-b_c")


@pytest.mark.parametrize("inboxes", [INBOX, Channel.every_inbox()], ids=["inbox", "every inbox"])
def test_payloads_keep_their_order_however_much_goes_to_inboxes_meanwhile(bench, inboxes):
    bench.require("ordered")
    if inboxes.is_wildcard:
        bench.require("wildcards")
    listener = bench.client("listener").subscribe(PAYLOADS, inboxes)
    senders = {PAYLOADS: bench.client("one"), INBOX: bench.client("other")}
    numbers = [str(number).encode() for number in range(MANY)]
    threads = [
        threading.Thread(target=sender.publish, args=(channel, *numbers))
        for channel, sender in senders.items()
    ]

    for thread in threads:
        thread.start()
    arrived = listener.take(2 * MANY)
    for thread in threads:
        thread.join()

    for channel in senders:
        assert [one.data for one in arrived if one.channel == channel] == numbers
