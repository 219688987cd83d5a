"""The public names, in a fresh process: whatever is imported first must not put a module in a function's place."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import diffexplore as dx
{first}
assert callable(dx.check) and dx.check.__name__ == "check", dx.check
from diffexplore import check
assert check is dx.check
assert set(dx.__all__) <= set(dir(dx))
for name in dx.__all__:
    getattr(dx, name)
"""


@pytest.mark.parametrize("first", ["", "dx.losses.get('graph_sum').gradient('y')"])
def test_check_is_the_function(first: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=first)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
