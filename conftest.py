"""What holds for all tests."""

import signal

from hypothesis import settings

# How long an example takes is for the machine's load to say.
settings.register_profile("without a deadline", parent=settings(), deadline=None)
settings.load_profile("without a deadline")


def pytest_configure() -> None:
    """Let Ctrl-C mean what it means in a terminal, for the tests and for what they start.

    A job that a shell runs in the background has it ignored, and its children inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
