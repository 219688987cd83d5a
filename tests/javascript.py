"""Runs JavaScript: in node, or in a headless Chromium where there is no node."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest
from processes import HANGS

NODE = shutil.which("node")


def evaluate(source: str, expression: str) -> Any:
    """The value of ``expression`` after ``source``; a number that is not finite comes as its name, and −0 as "-0"."""
    text = (
        "const shown = (key, x) => typeof x !== 'number' ? x : Object.is(x, -0) ? '-0' : isFinite(x) ? x : String(x);\n"
        f"{source}\nreturn JSON.stringify({expression}, shown);"
    )
    return json.loads(_in_node(text) if NODE else _in_browser(text))


def _in_node(text: str) -> str:
    program = f"process.stdout.write((() => {{ 'use strict'; {text} }})())"
    done = subprocess.run([str(NODE), "-"], input=program, capture_output=True, text=True, check=False, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _in_browser(text: str) -> str:
    from browser import open_browser, why_not

    if why_not() is not None:
        pytest.skip(f"needs node or a browser: {why_not()}")
    with open_browser() as driver:
        return str(driver.execute_script(f"'use strict'; {text}"))
