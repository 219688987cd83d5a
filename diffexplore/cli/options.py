"""The options of the commands, each described once, and the small grammars of their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from diffexplore import losses, methods
from diffexplore.errors import UsageError, unknown
from diffexplore.fitting import optimizers
from diffexplore.floating_point import FLOAT_FORMATS
from diffexplore.whole import whole

DTYPES = tuple(FLOAT_FORMATS)
DEVICES = ("auto", "cpu", "cuda")
REDUCTIONS = ("mean", "sum")
ROWS = ("worst", "all")
FORMATS = ("text", "latex", "python", "torch", "javascript", "json")


def panel(title: str) -> Callable[..., Any]:
    """Makes the options of one panel of the help: by name, what stands for the value ("" for a switch), and help."""
    return lambda name, metavar, help, *others: typer.Option(
        name, *others, metavar=metavar, help=help, rich_help_panel=title
    )


_data, _way, output = panel("Point and data"), panel("How it is computed"), panel("Output")

_LOSS_HELP = (
    'A name from "diffexplore list", a formula in quotes, such as "(a*x - y)**2", or FILE.py:NAME, a torch function, '
    "for which the file IS EXECUTED."
)


def _losses(incomplete: str) -> list[str]:
    """What a shell completes a loss to."""
    return [name for name in losses.names() if name.startswith(incomplete)]


def _listed(incomplete: str) -> list[str]:
    """What ``list`` can show one by one."""
    known = ("losses", "methods", "functions", "devices", *losses.names(), *methods.names())
    return [name for name in known if name.startswith(incomplete)]


LossOrDefault = Annotated[str, typer.Argument(metavar="LOSS", help=_LOSS_HELP, autocompletion=_losses)]
LossArgument = Annotated[str, typer.Argument(metavar="LOSS", help=_LOSS_HELP, show_default=False)]
LossOption = Annotated[
    str | None,
    typer.Option("--loss", metavar="LOSS", help=_LOSS_HELP, autocompletion=_losses, rich_help_panel="Point and data"),
]
BenchLosses = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[LOSS]...",
        help='Names from "diffexplore list", or all; or one formula or FILE.py:NAME with --at. Default: perpendicular.',
        show_default=False,
    ),
]
Candidate = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE.py:NAME",
        help="A function, autograd Function, module or layer in a Python file, which IS EXECUTED; "
        "or a FILE.json of formulas, which is only read.",
        show_default=False,
    ),
]
Program = Annotated[
    str,
    typer.Argument(
        metavar="FILE.py:NAME",
        help="A torch function, module or autograd Function in a Python file, which IS EXECUTED.",
        show_default=False,
    ),
]
Listed = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="losses, methods, functions or devices; or the name of a loss, a method or a function.",
        show_default=False,
        autocompletion=_listed,
    ),
]

# Which point and which data.
At = Annotated[list[str] | None, _data("--at", "a=1.3,b=0.7", "A point: a value for every parameter. Repeat for more.")]
OnePoint = Annotated[
    list[str] | None,
    _data("--at", "a=1.3,b=0.7", "The point: a value for every parameter. Default: one of the loss's own."),
]
Start = Annotated[
    list[str] | None,
    _data("--at", "a=0,b=0", "The start: a value for every parameter. Default: the loss's own."),
]
Data = Annotated[
    str | None,
    _data(
        "--data", "FILE|-", "CSV, NPZ, NPY or Parquet, or a folder, with columns named like the data; - reads stdin."
    ),
]
Columns = Annotated[
    str | None, _data("--columns", "x=height,...", "Data symbols whose columns in the file have other names.")
]
Samples = Annotated[
    str | None, _data("--samples", "N", "Draw N synthetic samples instead of reading data, such as 1e6.", "--points")
]
Sample = Annotated[str, _data("--sample", "I", "The sample whose values are shown, from 0.")]
Seed = Annotated[str, _data("--seed", "N", "Seeds synthetic data and probes.")]
Wrt = Annotated[
    str | None, _data("--wrt", "a,b", "Only these partials; data may be named too, for partials by sample.")
]
ByParameters = Annotated[
    str | None, _data("--wrt", "a,b", "The parameters; the other arguments are data, with a value per sample.")
]
Shapes = Annotated[
    str | None,
    _data(
        "--shapes",
        "W[3,2],x[2]",
        "Arguments of a traced torch function that are vectors or matrices; data without the axis of the samples.",
    ),
]
Reduction = Annotated[str | None, _data("--reduction", "mean|sum", "How samples are reduced.")]
Domain = Annotated[
    list[str] | None, _data("--domain", "CONDITION", 'A condition that holds, such as "s > 0". Repeat for more.')
]
Kind = Annotated[
    str | None, _data("--kind", "KIND", "What the candidate is: loss (by default), gradient, layer, formulas or grads.")
]
Upstream = Annotated[
    str | None,
    _data("--upstream", "NUMBER|COLUMN", "The upstream gradient of a candidate's loss, or of its output per sample."),
]
Pack = Annotated[
    list[str] | None,
    _data(
        "--pack",
        "W=a,b;c,d",
        "An argument that is a vector (W=a,b) or a matrix (a row after each ;) of symbols. May be repeated.",
    ),
]

# How it is computed.
Methods = Annotated[str | None, _way("--methods", "M,...", 'Only these methods, named as in "diffexplore list".')]
BenchMethods = Annotated[
    str | None,
    _way("--methods", "M,...", 'Only these methods, named as in "diffexplore list". Default: all installed.'),
]
Descending = Annotated[str, _way("--methods", "M,...", "Whose gradients are followed, side by side.")]
Modes = Annotated[
    str | None, _way("--modes", "M,...", "reverse, forward, double-backward: the ways to differentiate it.")
]
Accept = Annotated[
    list[str] | None, _way("--accept", "KEY", "Let a convention pass, by the key of its cause. Repeat for more.")
]
Dtype = Annotated[str, _way("--dtype", "DTYPE", f"One of {', '.join(DTYPES)}.")]
Dtypes = Annotated[str, _way("--dtype", "DTYPE,...", f"One or more of {', '.join(DTYPES)}.")]
Device = Annotated[str, _way("--device", "auto|cpu|cuda", "Where the methods run.")]
Step = Annotated[str | None, _way("--step", "H", "The step of finite differences, instead of a derived one.")]
Scan = Annotated[
    list[str] | None,
    _way(
        "--scan",
        "NAME=LOW:HIGH",
        "Show correct digits along a parameter, a=-3:3, or along the step of differences, h=1e-12:1e-1. "
        "Repeat for more.",
    ),
]
HessianFlag = Annotated[bool, _way("--hessian", "", "Show the second partials as well.")]
DeriveHessian = Annotated[
    bool, _way("--hessian", "", "Give the second partials, too; as source code: a function hessian.")
]
Steps = Annotated[bool, _way("--steps", "", "Show the derivation line by line, each line checked.")]
Rate = Annotated[str, _way("--lr", "RATE", "The learning rate of gd, momentum and adam.")]
StepCount = Annotated[str, _way("--steps", "N", "At most so many steps, such as 1e4.")]
Optimizer = Annotated[str, _way("--optimizer", "NAME", f"One of {', '.join(optimizers.names())}.")]
Axes = Annotated[str | None, _way("--axes", "a,b", "The parameters over which --html and --figure draw.")]
Sizes = Annotated[str, _way("--sizes", "N,...", "Numbers of synthetic samples.")]

# What is written, and how.
Full = Annotated[bool, output("--full", "", "Every table: values, errors, what is allowed, each worst sample.")]
FullProof = Annotated[bool, output("--full", "", "The counterexample of every statement that is refuted.")]
FullGraph = Annotated[bool, output("--full", "", "Every step of the tree and of the way back, however many.")]
FullBench = Annotated[bool, output("--full", "", "The table of each loss, where several are timed.")]
OnlyFailing = Annotated[bool, output("--only-failing", "", "The verdict and the failing comparisons, nothing else.")]
FirstLine = Annotated[bool, output("--quiet", "", "Print the first line only, and no progress.")]
Rows = Annotated[str, output("--rows", "worst|all", "all: print every row, each sample's too, as NDJSON.")]
Format = Annotated[str, output("--format", "FORMAT", f"One of {', '.join(FORMATS)}.")]
GitHub = Annotated[bool, output("--github", "", "Print each problem so that GitHub Actions shows it beside the code.")]
Replay = Annotated[
    Path | None,
    output(
        "--replay", "FILE", "Write everything to FILE unless the candidate passes; without a candidate, run FILE again."
    ),
]
Only = Annotated[
    list[str] | None, output("--only", "NAME", "Only this entry, such as pow or pow.Scalar. Repeat for more.")
]
AllEntries = Annotated[bool, output("--all", "", "List every entry, those out of scope too.")]
Devices = Annotated[bool, output("--devices", "", "List the devices that torch can use, too.")]
NoColor = Annotated[bool, output("--no-color", "", "No colours; NO_COLOR=1 does the same.")]
Ascii = Annotated[bool, output("--ascii", "", "Print ASCII only, whatever the terminal can show.")]
NoCache = Annotated[bool, _way("--no-cache", "", "Try again how exactly torch computes here; nothing is kept of it.")]
Debug = Annotated[bool, output("--debug", "", "Show the traceback of an internal error.")]


def whole_number(option: str, text: str | None) -> int | None:
    """The whole number that an option is given, in any notation; None where the option is absent."""
    if text is None:
        return None
    number = whole(text)
    if number is None:
        raise UsageError(f"{option} takes a whole number, such as 1000 or 1e6, not {text!r}")
    return number


def decimal(option: str, text: str) -> float:
    """The number that an option is given; raises a UsageError for what is none."""
    try:
        return float(text)
    except ValueError:
        raise not_positive(option, text) from None


def not_positive(option: str, text: str) -> UsageError:
    """The error for an option that takes a positive number."""
    return UsageError(f"{option} takes a positive number such as 1e-5, not {text!r}")


def chosen(kind: str, name: str, choices: Iterable[str]) -> str:
    """``name``, if it is one of ``choices``; raises a UsageError with the nearest one otherwise."""
    if name not in choices:
        raise unknown(kind, name, choices)
    return name


def names_list(option: str, text: str | None) -> tuple[str, ...] | None:
    """``"a, b"`` as ``("a", "b")``; None where the option is absent."""
    if text is None:
        return None
    names = tuple(name for part in text.split(",") for name in (part.split() or ("",)))
    if not all(names):
        raise UsageError(f"{option} takes names with a comma between them, such as a,b, not {text!r}")
    return tuple(dict.fromkeys(names))
