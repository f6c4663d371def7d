"""The fixtures that this distribution offers, for its own tests."""

from pye2_testing import fixtures

memory_network = fixtures.memory_network
