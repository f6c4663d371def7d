"""What the kernel does with a call, by reading a worker's filter as ``linux/filter.h`` says."""

import struct

from pye2_node.sandbox.layers.seccomp import JUMP_IF_ANY_BIT, JUMP_IF_EQUAL, LOAD, RETURN
from pye2_node.sandbox.layers.syscalls import ARCHITECTURES


def instructions_of(program):
    """A filter's instructions: code, jumps if true and if false, value."""
    return list(struct.iter_unpack("HBBI", program))


def verdict_of(instructions, machine, number, *arguments, architecture=None):
    """What comes of a call; on another architecture than the machine's, if one is given."""
    audit = ARCHITECTURES[machine].audit if architecture is None else architecture
    words = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, audit, 0, *words)
    at, word = 0, 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        if code == LOAD:
            word = struct.unpack_from("<I", data, value)[0]
        elif code == RETURN:
            return value
        else:
            holds = {JUMP_IF_EQUAL: word == value, JUMP_IF_ANY_BIT: bool(word & value)}[code]
            at += if_true if holds else if_false
