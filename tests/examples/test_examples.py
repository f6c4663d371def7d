"""The examples as programs, on three real nodes whose owners have granted what they ask for."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tty
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from call_network import PATIENCE, CallNetwork
from PIL import Image, ImageStat

from pye2_testing.fixtures import require_mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

_NOT_FOR_EXAMPLES = ("PYE2_", "EE_", "AIXP_", "DISPLAY", "WAYLAND_", "MPLBACKEND")
"""Variables of somebody's broker and display."""

LONGEST = 100.0
"""Seconds that a whole example may take on a machine that has much else to do."""


class Sensor:
    """A device that writes lines, as a serial port does.

    Attributes:
        path: where nodes find it.
    """

    def __init__(self) -> None:
        self._ours, its = pty.openpty()
        self._ends = ExitStack()
        self._ends.callback(os.close, its)
        tty.setraw(its)
        self.path = os.ttyname(its)
        Path(self.path).chmod(0o666)  # code of a node that is root's runs as nobody

    def write(self, *lines: str) -> None:
        os.write(self._ours, "".join(f"{line}\n" for line in lines).encode())

    def leave_alone(self) -> None:
        """Leave it to those who have opened it by its path."""
        self._ends.close()

    def is_let_go_of(self) -> bool:
        """Whether nobody has it open any more; waits for that."""
        waiting = select.poll()
        waiting.register(self._ours, 0)  # what is always told: that the other end is closed
        return bool(waiting.poll(PATIENCE * 1000))

    def close(self) -> None:
        self._ends.close()
        os.close(self._ours)


class Desk:
    """A folder with the client's key and an ``.env``, where somebody tries the examples.

    Attributes:
        network: the nodes.
        sensor: a device that they are granted.
        folder: the folder.
    """

    def __init__(self, network: CallNetwork, sensor: Sensor, folder: Path) -> None:
        self.network = network
        self.sensor = sensor
        self.folder = folder
        key_file = folder / "_local_cache" / "_data" / "_pk_sdk.pem"
        key_file.parent.mkdir(parents=True)
        shutil.copy(network.key_file, key_file)
        (folder / ".env").write_text(f"PYE2_BROKER={network.url}\n")

    @contextmanager
    def running(self, example: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """One of the examples as a process; it is ended at the end, if it has not."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_FOR_EXAMPLES)}
        with subprocess.Popen(
            [sys.executable, EXAMPLES / example, *arguments],
            cwd=self.folder,
            env={**ours, "COLUMNS": "40", "LINES": "24"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, example: str, *arguments: str) -> tuple[str, str]:
        """What an example prints and what it tells besides; it has to end well."""
        with self.running(example, *arguments) as process:
            printed, told = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, told
        return printed, told


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A network, and somebody who may use it."""
    require_mosquitto()
    with ExitStack() as stack:
        sensor = Sensor()
        stack.callback(sensor.close)
        grants = {"modules": ["PIL"], "devices": [sensor.path]}
        network = CallNetwork(tmp_path_factory.mktemp("network"), **grants)
        yield Desk(stack.enter_context(network), sensor, tmp_path_factory.mktemp("desk"))


# --- thumbnails -----------------------------------------------------------------------------------


@pytest.fixture
def pictures(desk: Desk) -> Path:
    """Images of several kinds and colours, one that is held upright by its note alone, no image."""
    folder = desk.folder / "pictures"
    folder.mkdir()
    Image.new("RGB", (1200, 900), "red").save(folder / "red.jpg")
    Image.new("RGBA", (300, 800), "blue").save(folder / "blue.png")
    Image.new("L", (40, 30), 255).save(folder / "small.webp")
    held = Image.Exif()
    held[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (800, 400), "lime").save(folder / "held.JPG", "JPEG", exif=held)
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_thumbnails_of_a_folder_are_made(desk: Desk, pictures: Path) -> None:
    printed, told = desk.run("thumbnails.py", "pictures", "small/ones", "--side", "200")

    made = {each.name: _read(each) for each in (desk.folder / "small/ones").iterdir()}
    assert {name: (each.format, each.size) for name, each in made.items()} == {
        "red.jpg.jpg": ("JPEG", (200, 150)),
        "blue.png.jpg": ("JPEG", (75, 200)),
        "small.webp.jpg": ("JPEG", (40, 30)),
        "held.JPG.jpg": ("JPEG", (100, 200)),
    }
    assert _nearly(made["red.jpg.jpg"], (255, 0, 0))
    assert _nearly(made["held.JPG.jpg"], (0, 255, 0))
    assert "4 thumbnails in small/ones" in printed
    assert "broken.png could not be read" in printed
    assert "5/5" not in told  # a bar is for terminals, and this is none


def _read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def _nearly(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    mean = ImageStat.Stat(image).mean
    return all(abs(is_ - wanted) < 4 for is_, wanted in zip(mean, colour, strict=True))


# --- the scan -------------------------------------------------------------------------------------


def test_a_scan_is_drawn_into_a_file(desk: Desk) -> None:
    pytest.importorskip("matplotlib")

    printed, told = desk.run("parameter_scan.py", "--points", "12", "--png", "scan.png")

    assert "drawn in scan.png" in printed
    assert "12/12" not in told  # as above
    drawn = _read(desk.folder / "scan.png").convert("RGB")
    points = drawn.crop((300, 200, 700, 800)).getcolors(2**24)
    assert drawn.size == (1140, 960)
    assert points is not None
    assert len(points) > 10
    assert (0x33, 0x33, 0x44) not in {colour for _, colour in points}  # what is not known yet


def test_a_scan_is_drawn_in_the_terminal_where_there_is_no_display(desk: Desk) -> None:
    printed, _ = desk.run("parameter_scan.py", "--points", "10")

    lines = printed.splitlines()
    assert [line.count("▀") for line in lines] == [10] * 5
    points = re.findall(r"[34]8;2;(\d+;\d+;\d+)", printed)
    assert len(points) == 10 * 10
    assert "51;51;68" not in points  # nothing is left that is not known
    assert "11;7;36" in points  # let go nearly at rest, it never turns over
    assert len(set(points)) > 3


# --- the sensor -----------------------------------------------------------------------------------


def test_readings_come_until_ctrl_c(desk: Desk) -> None:
    with desk.running("sensor.py", "n1", "--seconds", "0.001") as process:
        assert process.stdout is not None
        readings = [process.stdout.readline() for _ in range(100)]
        process.send_signal(signal.SIGINT)
        rest, told = process.communicate(timeout=PATIENCE)

    assert all(re.fullmatch(r"\d\d:\d\d:\d\d +\d+\.\d\d  ▒+\n", each) for each in readings)
    assert rest.endswith("stopped\n")
    assert (process.returncode, told) == (0, "")


def test_readings_come_of_a_device_which_ctrl_c_lets_go_of(desk: Desk) -> None:
    with desk.running("sensor.py", "n0", "--device", desk.sensor.path) as process:
        assert process.stdout is not None
        values = []
        for line in ("21.5", "-3", "22.25"):
            desk.sensor.write(line)
            values.append(process.stdout.readline().split()[1])
        desk.sensor.leave_alone()
        process.send_signal(signal.SIGINT)
        rest, told = process.communicate(timeout=PATIENCE)

    assert values == ["21.50", "-3.00", "22.25"]
    assert (rest, told, process.returncode) == ("stopped\n", "", 0)
    assert desk.sensor.is_let_go_of()
