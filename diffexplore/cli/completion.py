"""Completion of commands, options and losses in a shell: ``--install-completion`` and what the shell calls then."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from diffexplore.errors import UsageError

#: What the script that a shell loads sets when it asks for completions.
_CALL = "_DIFFEXPLORE_COMPLETE"

_OPTIONS = ("--install-completion", "--show-completion")


def is_meant(arguments: Sequence[str]) -> bool:
    """Whether this call installs or shows completion, or is made by a shell that completes."""
    return _CALL in os.environ or (bool(arguments) and arguments[0].partition("=")[0] in _OPTIONS)


def run(command: Any, arguments: Sequence[str]) -> int:
    """Typer's own answer; it ends the process where it has one.

    Raises UsageError where the shell is not known, or its files cannot be written.
    """
    try:
        command.main(args=list(arguments), prog_name="diffexplore", standalone_mode=False)
    except SystemExit as done:
        if done.code not in (0, None):
            raise UsageError("the shell that this runs in is not known: bash, zsh, fish and PowerShell are") from None
    except OSError as error:
        raise UsageError(f"cannot install completion: {error.strerror or error}: {error.filename}") from None
    return 0
