"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Let Ctrl-C mean what it means in a terminal, for the tests and for what they start.

    A job that a shell runs in the background has it ignored, and its children inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
