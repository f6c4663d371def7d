"""What fuzzing has kept, and what hypothesis makes of it, is survived by all that takes bytes.

The same targets as `make fuzz`, which looks for more; here nothing is looked for.
"""

import random

import pytest
from fuzz_corpus import kept_inputs, seeds
from fuzz_targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

targets = pytest.mark.parametrize("target", TARGETS)


def changed(data, seed):
    """The same bytes with some of them cut, doubled or flipped."""
    rng = random.Random(seed)
    piece = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not piece:
            break
        at, until = sorted(rng.randrange(len(piece) + 1) for _ in range(2))
        match rng.randrange(3):
            case 0:
                del piece[at:until]
            case 1:
                piece[at:at] = piece[at:until]
            case _:
                piece[at % len(piece)] ^= 1 << rng.randrange(8)
    return bytes(piece)


@targets
def test_something_was_kept_of_every_target(target):
    assert kept_inputs(target)


@targets
def test_every_input_that_was_kept_is_survived(target):
    for data in kept_inputs(target):
        TARGETS[target](data)


@targets
@settings(max_examples=100)
@given(data=st.data())
def test_what_is_like_those_is_survived_too(target, data):
    kept = kept_inputs(target) or seeds(target)
    like = st.builds(changed, st.sampled_from(kept), st.integers(0, 2**32))

    TARGETS[target](data.draw(like | st.binary()))
