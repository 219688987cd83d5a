"""The entry point: reads the arguments, runs a command, and turns every end into an exit code and one line."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer

from diffexplore import __version__
from diffexplore.cli import audit, bench, derive, fit, graph, launched, listing, panels, prove, report, start, verify
from diffexplore.cli.arguments import shield_formulas, spelled_out
from diffexplore.cli.collector import rest
from diffexplore.cli.defaults import defaults_for, used_defaults
from diffexplore.cli.exit_codes import BROKEN_PIPE, INTERNAL, INTERRUPTED, USAGE
from diffexplore.cli.refusals import explained
from diffexplore.errors import UsageError
from diffexplore.ranks.records import RankLost
from diffexplore.typography import speaks_mathematics, to_ascii

#: Errors of writing to a standard output that takes no more.
_WRITING = (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT)

app = typer.Typer(name="diffexplore", context_settings={"help_option_names": ["-h", "--help"]})
for command in (
    report.report, derive.derive, verify.verify, prove.prove, fit.fit, bench.bench, audit.audit, graph.graph,
    listing.list_,
):  # fmt: skip
    app.command(command.__name__.rstrip("_"))(command)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit; -v does the same.")] = False,
) -> None:
    """Derive the gradient of a loss, and check how exactly differentiation computes it."""
    if version:
        print(f"diffexplore {__version__}")
    elif context.invoked_subcommand is None:
        start.show()


def main(argv: list[str] | None = None) -> int:
    """Run the command line on ``argv`` (None: the arguments of the process) and return its exit code.

    0 pass, 1 fail, 2 usage or unusable input, 3 inconclusive, 70 internal error, 130 interrupted.
    """
    if argv is None:
        rest()
    arguments = spelled_out(sys.argv[1:] if argv is None else argv)
    _open_streams()
    try:
        code = _together(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return _abandon_stdout()
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except UsageError as error:
        return _complain(f"error: {error}", USAGE, error)
    except typer.TyperException as error:
        return _complain(f"error: {explained(error, _commands(), arguments)}", USAGE)
    except OSError as error:
        if error.errno not in _WRITING:
            return _report_bug(error, arguments)
        _abandon_stdout()
        return _complain(f"error: cannot write standard output: {error.strerror or error}", USAGE)
    except SystemExit as error:  # of code that was executed: its exit code must not look like a verdict
        if isinstance(error.__context__, BrokenPipeError):  # so the console of a help text ends whose reader has gone
            return _abandon_stdout()
        return _complain(f"error: the code that was executed ends the process (SystemExit: {error})", USAGE)
    except Exception as error:  # the last resort: a bug must not look like a verdict
        return _report_bug(error, arguments)
    return code


def _together(arguments: Sequence[str]) -> int:
    """Runs the command; of several processes all end well, or all with the error of the first that does not."""
    try:
        with launched.shared():
            return _run(arguments)
    except RankLost as error:
        launched.abandon(_complain(f"error: {error}", USAGE, error))


def _open_streams() -> None:
    """Streams that the caller has closed (as ``>&-`` does) take what is printed to nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # open until the process ends


@cache
def _commands() -> Any:
    """All commands, as typer makes them of the functions, with their help divided."""
    return panels.arrange(typer.main.get_command(app))


def _run(arguments: Sequence[str]) -> int:
    command = _commands()
    if _is_completion(arguments):
        return _complete(command, arguments)
    defaults = defaults_for(arguments, command)
    note = used_defaults(defaults, arguments, command)
    if note is not None:
        print(note, file=sys.stderr)
    shielded = shield_formulas(arguments, command)
    try:
        with command.make_context("diffexplore", shielded, default_map=defaults) as context:
            return int(command.invoke(context) or 0)
    except typer.Exit as done:
        return done.exit_code


def _complain(message: str, code: int, error: Exception | None = None) -> int:
    if error is None or launched.left_to_say(error):
        line = " ".join(message.split())
        print(line if speaks_mathematics(sys.stderr.encoding or "utf-8") else to_ascii(line), file=sys.stderr)
    return code


def _report_bug(error: Exception, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        traceback.print_exc()
    return _complain(f"internal error: {type(error).__name__}: {error} (--debug shows where)", INTERNAL)


def _abandon_stdout() -> int:
    """The reader has gone (as in ``| head``): say nothing, not even when Python closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


# ---------------------------------------------------------------------------------------------- completion in a shell
#: What the script that a shell loads sets when it asks for completions.
_CALL = "_DIFFEXPLORE_COMPLETE"

_OPTIONS = ("--install-completion", "--show-completion")


def _is_completion(arguments: Sequence[str]) -> bool:
    """Whether this call installs or shows completion, or is made by a shell that completes."""
    return _CALL in os.environ or (bool(arguments) and arguments[0].partition("=")[0] in _OPTIONS)


def _complete(command: Any, arguments: Sequence[str]) -> int:
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
