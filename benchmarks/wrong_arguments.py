"""Figure: every public function refuses wrong arguments in one clear line, or takes them for what they mean.

    python -m benchmarks.wrong_arguments [--json FILE] [--show 50]

Each argument of each public function is given about 40 kinds of value in turn, while the others are right. A call ends
well where it returns, or raises UsageError (GradientError, for an assertion) with one line of at most 300 characters;
what is slower than the net of 20 s of processor time, or ends otherwise, is trouble.
"""

from __future__ import annotations

import argparse
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy
import torch

import diffexplore as dx
from benchmarks._jobs import finish
from diffexplore.errors import DiffexploreError

_SECONDS = 20
_LONGEST = 300


def _loss() -> dx.Loss:
    return dx.Loss("(a*x - y)**2", parameters="a", data="x, y")


def _data() -> dict[str, list[float]]:
    return {"x": [0.5, 2.0], "y": [1.0, -1.0]}


def _gradient(a: Any, x: Any, y: Any) -> Any:
    return (2 * x * (a * x - y)).mean()


def _forward(a: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return ((a * x - y) ** 2).mean()


class Unshowable:
    """Its repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def _failing() -> Iterator[str]:
    yield "a"
    raise RuntimeError("an iterator that fails")


#: Makers of wrong values by the name of their kind: made anew for each call, as some are used up.
KINDS: Mapping[str, Callable[[], Any]] = {
    "None": lambda: None, "True": lambda: True, "0": lambda: 0, "3": lambda: 3, "-1": lambda: -1, "2.5": lambda: 2.5,
    "nan": lambda: float("nan"), "inf": lambda: float("inf"), "huge": lambda: 10**400, "complex": lambda: 1j,
    "decimal": lambda: Decimal("NaN"), "fraction": lambda: Fraction(1, 3), "empty text": lambda: "",
    "text": lambda: "nosuch", "letters": lambda: "a;b", "null": lambda: "a\0b", "long text": lambda: "z" * 50_000,
    "lines": lambda: "a\nb", "bytes": lambda: b"a", "empty list": list, "list": lambda: [3],
    "nested": lambda: [["a"], []],
    "tuple": lambda: (None,), "set": lambda: {"a"}, "set of numbers": lambda: {1, 2},
    "generator": lambda: (i for i in "ab"),
    "failing": _failing, "empty mapping": dict, "mapping": lambda: {3: 4},
    "wrong keys": lambda: {"q": [1.0], "": None},
    "object": object, "unshowable": Unshowable, "class": lambda: int, "module": lambda: np,
    "lambda": lambda: lambda: 1,
    "lambda of 9": lambda: lambda a, b, c, d, e, f, g, h, i: a, "array": lambda: np.ones((2, 2)),
    "empty array": lambda: np.zeros(0), "NaN array": lambda: np.array([np.nan, 1.0]),
    "objects": lambda: np.array([None, {}]),
    "texts": lambda: np.array(["a", "x"]), "complex array": lambda: np.ones(2, complex),
    "numpy int": lambda: np.int64(2),
    "numpy float": lambda: np.float32(0.5), "numpy bool": lambda: np.bool_(True),
    "numpy dtype": lambda: np.dtype("float32"),
    "numpy type": lambda: np.float64, "tensor": lambda: torch.ones(2, 3),
    "meta": lambda: torch.empty(2, device="meta"),
    "meta number": lambda: torch.empty((), device="meta"), "sparse": lambda: torch.eye(2).to_sparse(),
    "leaf": lambda: torch.ones(2, requires_grad=True), "complex tensor": lambda: torch.ones(2, dtype=torch.complex64),
    "quantized": lambda: torch.ones(2, dtype=torch.int8), "device": lambda: torch.device("meta"),
    "torch dtype": lambda: torch.int32, "symbol": lambda: sympy.Symbol("a"), "expression": lambda: sympy.zoo,
    "matrix": lambda: sympy.eye(2), "path": lambda: Path("nosuch.csv"), "folder": lambda: Path("/"),
    "namespace": lambda: SimpleNamespace(columns=3, items=4), "itself": lambda: dx.losses.get("perpendicular"),
    "range": lambda: range(3), "exception": lambda: ValueError("x"), "cycle": lambda: _cycle(),
}  # fmt: skip


def _cycle() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


@dataclass(frozen=True)
class Function:
    """A public function, and right values for the arguments that are exchanged in turn."""

    name: str
    call: Callable[..., Any]
    arguments: Mapping[str, Callable[[], Any]]


def _absent() -> None:
    return None


_CHECKED = {"loss": _loss, "data": _data, "at": lambda: {"a": 1.5}}
_CHOICES = {"wrt": _absent, "dtype": lambda: "float64", "device": lambda: "cpu", "seed": lambda: 0}
_VERIFIED = {
    "candidate": lambda: _gradient, **_CHECKED, **_CHOICES, "kind": lambda: "gradient", "upstream": _absent,
    "accept": tuple, "modes": lambda: "reverse", "pack": _absent, "listener": _absent,
}  # fmt: skip

FUNCTIONS = (
    Function("fit", dx.fit, {
        **_CHECKED, "lr": lambda: 1e-3, "steps": lambda: 3, "optimizer": lambda: "gd",
        "methods": lambda: "reverse", "dtype": lambda: "float64"}),
    Function("Loss", dx.Loss, {
        "formula": lambda: "(a*x - y)**2", "parameters": lambda: "a", "data": lambda: "x, y",
        "reduction": lambda: "mean", "name": _absent, "domain": _absent, "source": _absent,
        "default_data": _absent, "default_points": _absent}),
    Function("Loss.from_torch", dx.Loss.from_torch, {
        "fn": lambda: _forward, "parameters": lambda: "a", "data": lambda: "x, y", "name": _absent, "domain": _absent}),
    Function("Loss.gradient", lambda wrt: _loss().gradient(wrt), {"wrt": _absent}),
    Function("Loss.hessian", lambda wrt: _loss().hessian(wrt), {"wrt": _absent}),
    Function("Loss.with_symbols", lambda **given: _loss().with_symbols(**given), {
        "parameters": lambda: "a, b", "data": lambda: "x, y"}),
    Function("check", dx.check, {**_CHECKED, **_CHOICES, "methods": lambda: "symbolic", "step": _absent}),
    Function("verify", dx.verify, _VERIFIED),
    Function("assert_gradient", dx.assert_gradient, {**_VERIFIED, "allow_inconclusive": lambda: True}),
    Function("prove", dx.prove, {
        "candidate": lambda: _forward, "loss": _loss, "parameters": _absent, "data": _absent, "wrt": _absent,
        "domain": _absent}),
    Function("losses.get", dx.losses.get, {"name": lambda: "hyperplane", "dimensions": lambda: 2}),
    Function("methods.select", dx.methods.select, {"requested": _absent}),
    Function("strategies.points", dx.strategies.points, {"loss": _loss}),
    Function("strategies.batches", dx.strategies.batches, {
        "loss": _loss, "min_size": lambda: 1, "max_size": lambda: 3, "at": _absent}),
)  # fmt: skip


class Stuck(BaseException):
    """No ``except Exception`` holds it up."""


def _stuck(*_: Any) -> None:
    raise Stuck


def ending(call: Callable[[], Any]) -> str:
    """How a call ends: "returned", "refused", or what went wrong."""
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        call()
    except DiffexploreError as error:
        if isinstance(error, dx.GradientError):
            return "returned"
        text = str(error)
        return "refused" if text and "\n" not in text and len(text) <= _LONGEST else f"LONG MESSAGE {text!r:.200}"
    except Stuck:
        return "STUCK"
    except Exception as error:
        frames = [
            f
            for f in traceback.extract_tb(error.__traceback__)
            if "diffexplore/diffexplore" in f.filename or "/diffexplore/" in f.filename
        ]
        place = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
        return f"CRASH {type(error).__name__} {place.filename.rpartition('/')[2]}:{place.lineno}: {error!s:.90}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return "returned"


def trials(function: Function) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The calls with one wrong argument, each with its description."""
    for argument in function.arguments:
        for kind, make in KINDS.items():
            given = {name: right() for name, right in function.arguments.items()}
            given[argument] = make()
            yield f"{function.name}({argument} = {kind})", partial(function.call, **given)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--show", type=int, default=50, help="how many troubles to print (default 50)")
    parser.add_argument("--only", metavar="FUNCTION")
    options = parser.parse_args()
    torch.set_num_threads(1)
    signal.signal(signal.SIGVTALRM, _stuck)
    started = time.monotonic()
    counts: Counter[str] = Counter()
    troubles = []
    for function in FUNCTIONS:
        if options.only in (None, function.name):
            for description, call in trials(function):
                end = ending(call)
                counts[end.partition(" ")[0]] += 1
                if end not in ("returned", "refused"):
                    troubles.append(f"{description}: {end}")
                    if len(troubles) <= options.show:
                        print(troubles[-1], flush=True)
    figures = {"functions": len(FUNCTIONS), "kinds": len(KINDS), "calls": sum(counts.values()), **dict(counts)}
    finish("wrong arguments", figures, started, options.json)
    return 1 if troubles else 0


if __name__ == "__main__":
    raise SystemExit(main())
