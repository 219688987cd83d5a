"""Processes of their own, for what only a new process shows."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

#: Seconds after which something hangs: many times what anything takes, also on a busy machine.
HANGS = 900.0


def run_python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs this Python with some arguments to its end. ``options``: of :func:`subprocess.run`."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANGS, **options)
