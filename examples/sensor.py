"""Readings of a sensor on one of your nodes, as they are taken; Ctrl-C ends it, here and there.

    python examples/sensor.py attic                         # a thermometer that is made up
    python examples/sensor.py attic --device /dev/ttyUSB0   # one that writes a number a line

A generator function runs on the node, and each value that it yields is one here. It is run a few
values ahead of those that are taken, no further: whoever is slow here slows it down there.

The first needs no grant. The second needs the device, which the node's owner has to grant, once:

    pye2 node allow ADDRESS --device /dev/ttyUSB0   # on the node; `pye2 key show` here: the ADDRESS
"""

import argparse
import asyncio
import math
import random
import time
from datetime import UTC, datetime
from pathlib import Path

from pye2core import AsyncSession


def made_up(seconds):
    """A reading every so many seconds, of a day that takes a minute."""
    while True:
        warmth = 18 + 6 * math.sin(time.time() / 60 * 2 * math.pi) + random.gauss(0, 0.3)
        yield datetime.now(UTC), warmth
        time.sleep(seconds)


def from_device(path):
    """A reading for each line that a device writes."""
    with Path(path).open() as device:
        for line in device:
            yield datetime.now(UTC), float(line)


async def show(node, device, seconds):
    """Print readings until there are no more."""
    async with AsyncSession(silent=True) as session:  # the broker is in PYE2_BROKER, or in .env
        if device:
            readings = session.submit(from_device, device, node=node, grants={"devices": [device]})
        else:
            readings = session.submit(made_up, seconds, node=node)
        async with readings:
            async for moment, value in readings:
                bar = "▒" * max(0, round(value))
                print(f"{moment.astimezone():%H:%M:%S}  {value:6.2f}  {bar}", flush=True)


def main():
    """Read the command line; go on until Ctrl-C."""
    arguments = argparse.ArgumentParser(description="readings of a sensor on a node")
    arguments.add_argument("node", help="its name or address")
    arguments.add_argument("--device", help="a character device there, such as /dev/ttyUSB0")
    arguments.add_argument("--seconds", type=float, default=1.0, help="between what is made up")
    given = arguments.parse_args()
    try:
        asyncio.run(show(given.node, given.device, given.seconds))
    except KeyboardInterrupt:
        print("stopped")


if __name__ == "__main__":
    main()
