"""A scan over two parameters, drawn while your nodes compute it.

    python examples/parameter_scan.py                      # in a window
    python examples/parameter_scan.py --png pendulum.png   # in a file, where there is no display

A double pendulum is let go, its arms at two angles; when does the lower arm first turn over? Each
call simulates a row of the picture, and rows are drawn as they come, in whatever order.

Nodes need what all of them have (numpy), and no grant. This machine needs matplotlib; without it,
or without a display, the picture is drawn in the terminal.
"""

import argparse
import math
import shutil
import sys

import numpy as np

from pye2core import Session

SECONDS = 10.0
STEP = 0.02
GRAVITY = 9.81
COLOURS = ("#fcfdbf", "#fe9f6d", "#de4968", "#8c2981", "#3b0f70")
"""From pendulums that turn over at once to those that take long."""

NEVER = "#0b0724"


# --- on the nodes ---------------------------------------------------------------------------------


def times_to_flip(upper, lower):
    """Seconds until the lower arm turns over, or inf; for one angle above and many below."""
    state = np.array([np.full(len(lower), upper), lower, 0 * lower, 0 * lower])
    times = np.full(len(lower), np.inf)
    for step in range(1, round(SECONDS / STEP) + 1):
        state = one_step_later(state)
        times[np.isinf(times) & (abs(state[1]) > math.pi)] = step * STEP
    return times


def one_step_later(state):
    """Two angles and their speeds, by Runge and Kutta's fourth order."""
    k1 = change_of(state)
    k2 = change_of(state + STEP / 2 * k1)
    k3 = change_of(state + STEP / 2 * k2)
    k4 = change_of(state + STEP * k3)
    return state + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def change_of(state):
    """How fast they change, where both arms are 1 m long with 1 kg at the end."""
    a, b, speed_a, speed_b = state
    sine, cosine = np.sin(a - b), np.cos(a - b)
    drop_a = GRAVITY * (3 * np.sin(a) + np.sin(a - 2 * b))
    pull_a = 2 * sine * (speed_b**2 + speed_a**2 * cosine)
    pull_b = 2 * sine * (2 * speed_a**2 + 2 * GRAVITY * np.cos(a) + speed_b**2 * cosine)
    weight = 3 - np.cos(2 * (a - b))
    return np.array([speed_a, speed_b, -(drop_a + pull_a) / weight, pull_b / weight])


def row(number, upper, lower):
    """A row of the picture and its number, as rows come in any order."""
    return number, times_to_flip(upper, lower)


# --- here -----------------------------------------------------------------------------------------


def main():
    """Have all rows computed, and draw each as it comes."""
    arguments = argparse.ArgumentParser(description="when does a double pendulum turn over?")
    arguments.add_argument("--points", type=int, default=160, help="of a side of the picture")
    arguments.add_argument("--png", help="draw into this file")
    given = arguments.parse_args()

    angles = np.linspace(-math.pi, math.pi, given.points)
    numbers = range(given.points)
    times = np.full((given.points, given.points), np.nan)  # nan: not known yet
    picture = picture_of(times, given.png)
    with Session(silent=True) as session:  # the broker is in PYE2_BROKER, or in .env
        rows = session.map(
            row, numbers, angles, [angles] * given.points, ordered=False, progress=bool(given.png)
        )
        for number, found in rows:
            times[number] = found
            picture.draw()
    picture.finish()


def picture_of(times, png):
    """What there is: a file, a window, or the terminal."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        if png:
            raise SystemExit("--png needs matplotlib: pip install matplotlib") from None
        return TerminalPicture(times)
    if png:
        plt.switch_backend("agg")
    elif plt.get_backend().lower() == "agg":  # what matplotlib takes where there is no display
        return TerminalPicture(times)
    return Plot(plt, times, png)


class Plot:
    """The picture in a window, live; or in a file, at the end."""

    def __init__(self, plt, times, png):
        from matplotlib.colors import LinearSegmentedColormap, LogNorm

        colours = LinearSegmentedColormap.from_list("flips", COLOURS)
        self.plt, self.times, self.png = plt, times, png
        plt.style.use("dark_background")
        self.figure, axes = plt.subplots(figsize=(7.6, 6.4), layout="constrained")
        self.image = axes.imshow(
            times,
            origin="lower",
            extent=(-180, 180, -180, 180),
            cmap=colours.with_extremes(over=NEVER, bad="#333344"),
            norm=LogNorm(0.4, SECONDS),
        )
        axes.set_title("When does a double pendulum turn over?", pad=12)
        axes.set_xlabel("lower arm at the start (degrees)")
        axes.set_ylabel("upper arm at the start (degrees)")
        axes.set_xticks(range(-180, 181, 60))
        axes.set_yticks(range(-180, 181, 60))
        bar = self.figure.colorbar(self.image, extend="max", label="seconds (darkest: not in ten)")
        bar.set_ticks([0.5, 1, 2, 5, 10], labels=["0.5", "1", "2", "5", "10"])
        bar.minorticks_off()

    def draw(self):
        """Show what is known by now; a file waits for the end."""
        if not self.png:
            self.update()
            self.plt.pause(0.001)

    def finish(self):
        """Write the file, or leave the window open until it is closed."""
        if not self.png:
            self.plt.show()
            return
        self.update()
        self.figure.savefig(self.png, dpi=150)
        print(f"drawn in {self.png}")

    def update(self):
        """Bring the image up to date."""
        self.image.set_data(np.minimum(self.times, 2 * SECONDS))  # a scale of logs has no infinity


class TerminalPicture:
    """The picture in the terminal, two points above each other in a character."""

    def __init__(self, times):
        width, height = shutil.get_terminal_size()
        step = max(1, math.ceil(len(times) / min(width, 2 * height - 4)))
        self.times = times[::-step, ::step]
        self.is_live = sys.stdout.isatty()
        self.is_begun = False

    def draw(self):
        """Show what is known by now, over what was shown before."""
        if self.is_live:
            self.show()

    def finish(self):
        """Leave it there."""
        if not self.is_live:
            self.show()

    def show(self):
        """Write all lines."""
        lines = []
        for above in range(0, len(self.times) - 1, 2):
            pairs = zip(self.times[above], self.times[above + 1], strict=True)
            points = (f"\x1b[38;2;{rgb(a)};48;2;{rgb(b)}m▀" for a, b in pairs)
            lines.append("".join(points) + "\x1b[0m")
        if self.is_begun:
            lines[0] = f"\x1b[{len(lines)}A" + lines[0]  # up again
        self.is_begun = True
        print("\n".join(lines), flush=True)


def rgb(seconds):
    """A point's colour, as terminals take it."""
    if math.isnan(seconds):
        return "51;51;68"
    place = math.log(max(seconds, 0.4) / 0.4) / math.log(SECONDS / 0.4) * len(COLOURS)
    colour = NEVER if math.isinf(seconds) else COLOURS[min(int(place), len(COLOURS) - 1)]
    return ";".join(str(each) for each in bytes.fromhex(colour[1:]))


if __name__ == "__main__":
    main()
