"""Which versions of the kernel a plugin's requirements allow."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pye2core.plugins.loader import kernel_range


@pytest.mark.parametrize(
    ("requires", "allowed"),
    [
        (["pye2core>=0.1,<0.2"], ">=0.1,<0.2"),
        (["pye2core (>=0.1,<0.2)"], ">=0.1,<0.2"),
        (["Pye2Core ~= 0.1"], "~=0.1"),
        (["pye2core"], ""),
        (["pye2core[extra]<0.2"], "<0.2"),
        (["pye2core<0.2; python_version >= '3'"], "<0.2"),
        (["pye2core>=0.1", "pye2core<0.3"], ">=0.1,<0.3"),
        (["numpy>=2", "pye2core-extras>=9"], None),
        (["pye2core>=9; sys_platform == 'nowhere'"], None),
        (["pye2core>=9; extra == 'other'"], None),
        ([], None),
    ],
)
def test_the_range_is_what_the_requirements_say_together(requires, allowed):
    expected = None if allowed is None else SpecifierSet(allowed)

    assert kernel_range(requires) == expected


@pytest.mark.parametrize(
    "text", ["pye2core>=0.1,<0.2", "pye2core >= 0.1 , != 0.1.3", "pye2core==0.*"]
)
def test_a_plain_requirement_is_read_as_packaging_reads_it(text):
    assert kernel_range([text]) == Requirement(text).specifier


@pytest.mark.parametrize("text", ["pye2core=>1", "pye2core<", "pye2core>=1 <2", "pye2core @ "])
def test_one_that_cannot_be_read_is_an_error(text):
    with pytest.raises(ValueError, match=r"."):
        kernel_range([text])
