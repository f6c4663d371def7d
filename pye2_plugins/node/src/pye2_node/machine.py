"""How the machine and this process are doing, as heartbeats tell it.

What does not change is looked up once; what costs more than a glance is looked at once a minute.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pye2core.messages import MachineFigures

if TYPE_CHECKING:
    from pye2core.clock import Clock

_GIGABYTE: Final = 1024**3
_SLOW_EVERY: Final = 60.0
_LOAD_EVERY: Final = 1.0
"""Seconds: a shorter time says nothing of the processor."""

_LOW_MEMORY: Final = 0.15
"""Share of the machine's memory: with less than that left PyE2 raises its alert."""


class Machine:
    """Takes samples of this machine.

    Args:
        home: the folder whose disk is told of.
        clock: for the time that the node has been up.
    """

    def __init__(self, home: Path, clock: Clock) -> None:
        import psutil

        self._psutil = psutil
        self._home = home
        self._clock = clock
        self._process = psutil.Process()
        self._began = clock.monotonic()
        self._slow: dict[str, Any] = {}
        self._slow_until = float("-inf")
        self._fixed: dict[str, Any] = {
            "python": platform.python_version(),
            "processor": _processor(),
            "memory": _gigabytes(psutil.virtual_memory().total),
        }
        self._load = 0.0
        self._load_at = self._began
        psutil.cpu_percent()  # the first answer covers no time and means nothing

    def load(self) -> float:
        """The processor load in percent, of the last second or more."""
        now = self._clock.monotonic()
        if now - self._load_at >= _LOAD_EVERY:
            self._load = self._psutil.cpu_percent()
            self._load_at = now
        return self._load

    def free_memory(self) -> float:
        """The free memory in GB."""
        return _gigabytes(self._psutil.virtual_memory().available)

    def sample(self) -> MachineFigures:
        """The further figures of this moment."""
        now = self._clock.monotonic()
        if now >= self._slow_until:
            self._slow = self._slow_figures()
            self._slow_until = now + _SLOW_EVERY
        memory = self._psutil.virtual_memory()
        return MachineFigures(
            **self._fixed,
            **self._slow,
            is_short_of_memory=memory.available < _LOW_MEMORY * memory.total,
            process_memory=_gigabytes(self._process.memory_info().rss),
            uptime=round(now - self._began, 3),
        )

    def _slow_figures(self) -> dict[str, Any]:
        disk = self._psutil.disk_usage(str(self._home))
        return {
            "disk": _gigabytes(disk.total),
            "free_disk": _gigabytes(disk.free),
            "temperatures": self._temperatures(),
        }

    def _temperatures(self) -> dict[str, float]:
        sensors = getattr(self._psutil, "sensors_temperatures", None)  # not on every system
        if sensors is None:
            return {}
        return {
            f"{chip}.{reading.label or number}": reading.current
            for chip, readings in sensors().items()
            for number, reading in enumerate(readings)
        }


def _gigabytes(count: int) -> float:
    return round(count / _GIGABYTE, 3)


def _processor() -> str:
    """The processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
