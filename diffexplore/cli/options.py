"""The options of the commands, each described once, and the small grammars of their values."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from diffexplore import losses, methods
from diffexplore.errors import UsageError, unknown
from diffexplore.floating_point import FLOAT_FORMATS
from diffexplore.whole import whole

DTYPES = tuple(FLOAT_FORMATS)
DEVICES = ("auto", "cpu", "cuda")
REDUCTIONS = ("mean", "sum")
OPTIMIZERS = ("gd", "momentum", "adam", "newton", "lbfgs")
ROWS = ("worst", "all")
FORMATS = ("text", "latex", "python", "torch", "javascript", "json")

#: Under which title the help shows what is written, and how.
PANEL = "Output"

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
LossOption = Annotated[str | None, typer.Option("--loss", metavar="LOSS", help=_LOSS_HELP, autocompletion=_losses)]
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
Shapes = Annotated[
    str | None,
    typer.Option(
        "--shapes",
        metavar="W[3,2],x[2]",
        help="Arguments of a traced torch function that are vectors or matrices; data without the axis of the samples.",
    ),
]
Inputs = Annotated[
    str | None,
    typer.Option(
        "--inputs",
        metavar="x[8,16],w[16]|FILE",
        help="Check the gradients of a function of tensors, without a loss: the shapes of its arguments, for seeded "
        "normal numbers, or a FILE.pt or FILE.npz that holds them.",
    ),
]
ByParameters = Annotated[
    str | None,
    typer.Option("--wrt", metavar="a,b", help="The parameters; the other arguments are data, with a value per sample."),
]
Domain = Annotated[
    list[str] | None,
    typer.Option("--domain", metavar="CONDITION", help='A condition that holds, such as "s > 0". Repeat for more.'),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", metavar="KIND", help="What the candidate is: loss (by default), gradient, layer, formulas or grads."
    ),
]
Upstream = Annotated[
    str | None,
    typer.Option(
        "--upstream",
        metavar="NUMBER|COLUMN",
        help="The upstream gradient of a candidate's loss, or of its output per sample.",
    ),
]
Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="KEY", help="Let a convention pass, by the key of its cause. Repeat for more."),
]
Replay = Annotated[
    Path | None,
    typer.Option(
        "--replay",
        metavar="FILE",
        help="Write everything to FILE unless the candidate passes; without a candidate, run FILE again.",
    ),
]
LossArgument = Annotated[str, typer.Argument(metavar="LOSS", help=_LOSS_HELP, show_default=False)]
At = Annotated[
    list[str] | None,
    typer.Option("--at", metavar="a=1.3,b=0.7", help="A point: a value for every parameter. Repeat for more."),
]
OnePoint = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="a=1.3,b=0.7", help="The point: a value for every parameter. Default: one of the loss's own."
    ),
]
Sample = Annotated[str, typer.Option("--sample", metavar="I", help="The sample whose values are shown, from 0.")]
FirstLine = Annotated[
    bool,
    typer.Option("--quiet", metavar="", help="Print the first line only, and no progress.", rich_help_panel=PANEL),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE|-",
        help="A .csv or .npz file whose columns are named like the data symbols; - reads standard input.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="x=height,...", help="Data symbols whose columns in the file have other names."),
]
Samples = Annotated[
    str | None,
    typer.Option(
        "--samples", "--points", metavar="N", help="Draw N synthetic samples instead of reading data, such as 1e6."
    ),
]
Wrt = Annotated[
    str | None,
    typer.Option("--wrt", metavar="a,b", help="Only these partials; data may be named too, for partials by sample."),
]
Reduction = Annotated[str | None, typer.Option("--reduction", metavar="mean|sum", help="How samples are reduced.")]
Modes = Annotated[
    str | None,
    typer.Option("--modes", metavar="M,...", help="reverse, forward, double-backward: the ways to differentiate it."),
]
Pack = Annotated[
    list[str] | None,
    typer.Option(
        "--pack",
        metavar="W=a,b;c,d",
        help="An argument that is a vector (W=a,b) or a matrix (a row after each ;) of symbols. May be repeated.",
    ),
]
Dtype = Annotated[str, typer.Option("--dtype", metavar="DTYPE", help=f"One of {', '.join(DTYPES)}.")]
Dtypes = Annotated[str, typer.Option("--dtype", metavar="DTYPE,...", help=f"One or more of {', '.join(DTYPES)}.")]
Start = Annotated[
    list[str] | None,
    typer.Option("--at", metavar="a=0,b=0", help="The start: a value for every parameter. Default: the loss's own."),
]
Rate = Annotated[str, typer.Option("--lr", metavar="RATE", help="The learning rate of gd, momentum and adam.")]
StepCount = Annotated[str, typer.Option("--steps", metavar="N", help="At most so many steps, such as 1e4.")]
Optimizer = Annotated[str, typer.Option("--optimizer", metavar="NAME", help=f"One of {', '.join(OPTIMIZERS)}.")]
Descending = Annotated[
    str, typer.Option("--methods", metavar="M,...", help="Whose gradients are followed, side by side.")
]
Axes = Annotated[
    str | None, typer.Option("--axes", metavar="a,b", help="The parameters over which --html and --figure draw.")
]
BenchLosses = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[LOSS]...",
        help='Names from "diffexplore list", or all; or one formula or FILE.py:NAME with --at. Default: perpendicular.',
        show_default=False,
    ),
]
Sizes = Annotated[str, typer.Option("--sizes", metavar="N,...", help="Numbers of synthetic samples.")]
BenchMethods = Annotated[
    str | None,
    typer.Option(
        "--methods", metavar="M,...", help='Only these methods, named as in "diffexplore list". Default: all installed.'
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where the methods run.")]
Methods = Annotated[
    str | None, typer.Option("--methods", metavar="M,...", help='Only these methods, named as in "diffexplore list".')
]
Step = Annotated[
    str | None, typer.Option("--step", metavar="H", help="The step of finite differences, instead of a derived one.")
]
Scan = Annotated[
    list[str] | None,
    typer.Option(
        "--scan",
        metavar="NAME=LOW:HIGH",
        help="Show correct digits along a parameter, a=-3:3, or along the step of differences, h=1e-12:1e-1. "
        "Repeat for more.",
    ),
]
Seed = Annotated[str, typer.Option("--seed", metavar="N", help="Seeds synthetic data and probes.")]
Rows = Annotated[
    str, typer.Option("--rows", metavar="worst|all", help="all: print every row, each sample's too, as NDJSON.")
]
HessianFlag = Annotated[bool, typer.Option("--hessian", metavar="", help="Show the second partials as well.")]
DeriveHessian = Annotated[
    bool,
    typer.Option("--hessian", metavar="", help="Give the second partials, too; as source code: a function hessian."),
]
Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")]
Steps = Annotated[
    bool, typer.Option("--steps", metavar="", help="Show the derivation line by line, each line checked.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="Only this entry, such as pow or pow.Scalar. Repeat for more."),
]
AllEntries = Annotated[bool, typer.Option("--all", metavar="", help="List every entry, those out of scope too.")]
Listed = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="losses, methods, functions or devices; or the name of a loss, a method or a function.",
        show_default=False,
        autocompletion=_listed,
    ),
]
Devices = Annotated[bool, typer.Option("--devices", metavar="", help="List the devices that torch can use, too.")]
GitHub = Annotated[
    bool,
    typer.Option("--github", metavar="", help="Print each problem so that GitHub Actions shows it beside the code."),
]
Full = Annotated[
    bool, typer.Option("--full", metavar="", help="Every table: values, errors, what is allowed, each worst sample.")
]
FullProof = Annotated[
    bool, typer.Option("--full", metavar="", help="The counterexample of every statement that is refuted.")
]
FullGraph = Annotated[
    bool, typer.Option("--full", metavar="", help="Every step of the tree and of the way back, however many.")
]
FullBench = Annotated[bool, typer.Option("--full", metavar="", help="The table of each loss, where several are timed.")]
OnlyFailing = Annotated[
    bool, typer.Option("--only-failing", metavar="", help="The verdict and the failing comparisons, nothing else.")
]
NoColor = Annotated[bool, typer.Option("--no-color", metavar="", help="No colours; NO_COLOR=1 does the same.")]
Ascii = Annotated[bool, typer.Option("--ascii", metavar="", help="Print ASCII only, whatever the terminal can show.")]
Debug = Annotated[bool, typer.Option("--debug", metavar="", help="Show the traceback of an internal error.")]


def whole_number(option: str, text: str | None) -> int | None:
    """The whole number that an option is given, in any notation; None where the option is absent."""
    if text is None:
        return None
    number = whole(text)
    if number is None:
        raise UsageError(f"{option} takes a whole number, such as 1000 or 1e6, not {text!r}")
    return number


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
