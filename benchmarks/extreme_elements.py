"""Certified truths, bounds and verdicts of elementwise operators at the ends of their dtypes, against mpmath.

    python -m benchmarks.extreme_elements [--only PART] [--dtype float64] [--bits 1000] [--json FILE]

The points are zeros of both signs, subnormal and the least normal numbers, 1 and its neighbours, halves and whole
numbers, numbers near the poles and ends of domains, the largest number, and those at which exponentials overflow. For
each operator: its value and its derivative on the tape have to enclose a 1,000-bit evaluation by mpmath, or say that
they are not known; torch's value and gradient have to be within the bound of a watch; torch's gradient may not fail,
unless it is no number where the truth is one; and one that is wrong by 1e-3 throughout may not pass. Derivatives by
mpmath are central differences over a 2⁻³³³rd of the point, in four times as many bits.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mpmath
import torch
import torch.nn.functional as F

from benchmarks._jobs import finish
from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.tensors.gradcheck import gradcheck
from diffexplore.tensors.tape import Tape
from diffexplore.torch_code.leaving_torch import CandidateWatch

Tensor = torch.Tensor
Real = Callable[..., Any]

m = mpmath


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + m.exp(-x))


def _softplus(x: Any) -> Any:
    return m.log1p(m.exp(x))


def _of_torch(x: Any, factor: int = 1) -> Any:
    """softplus as torch documents it: linear from a threshold on."""
    return x if factor * x > 20 else _softplus(factor * x) / factor


#: One of selu's constants. Torch multiplies both of them, as doubles, before anything else.
_SCALE = 1.0507009873554804934193349852946


def _phi(x: Any) -> Any:
    return m.erfc(-x / m.sqrt(2)) / 2


def _ndtr(x: Any) -> Any:
    """As torch composes it of other operators, by the double next to 1/√2."""
    return m.erfc(-x * m.mpf(math.sqrt(0.5))) / 2


def _or(condition: bool, first: Real, second: Real, x: Any) -> Any:
    return first(x) if condition else second(x)


#: torch's function of one tensor, and mpmath's of one number.
FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], Real]] = {
    "exp": (torch.exp, m.exp),
    "expm1": (torch.expm1, m.expm1),
    "exp2": (torch.exp2, lambda x: m.power(2, x)),
    "log": (torch.log, m.log),
    "log1p": (torch.log1p, m.log1p),
    "log2": (torch.log2, lambda x: m.log(x, 2)),
    "log10": (torch.log10, m.log10),
    "sqrt": (torch.sqrt, m.sqrt),
    "rsqrt": (torch.rsqrt, lambda x: 1 / m.sqrt(x)),
    "reciprocal": (torch.reciprocal, lambda x: 1 / x),
    "square": (torch.square, lambda x: x * x),
    "sin": (torch.sin, m.sin),
    "cos": (torch.cos, m.cos),
    "tan": (torch.tan, m.tan),
    "asin": (torch.asin, m.asin),
    "acos": (torch.acos, m.acos),
    "atan": (torch.atan, m.atan),
    "sinh": (torch.sinh, m.sinh),
    "cosh": (torch.cosh, m.cosh),
    "tanh": (torch.tanh, m.tanh),
    "asinh": (torch.asinh, m.asinh),
    "acosh": (torch.acosh, m.acosh),
    "atanh": (torch.atanh, m.atanh),
    "erf": (torch.erf, m.erf),
    "erfc": (torch.erfc, m.erfc),
    "erfinv": (torch.erfinv, m.erfinv),
    "lgamma": (torch.lgamma, lambda x: m.log(abs(m.gamma(x)))),
    "digamma": (torch.digamma, m.digamma),
    "sigmoid": (torch.sigmoid, _sigmoid),
    "softplus": (F.softplus, _of_torch),
    "softplus of 3": (lambda x: F.softplus(x, 3.0), lambda x: _of_torch(x, 3)),
    "silu": (F.silu, lambda x: x * _sigmoid(x)),
    "mish": (F.mish, lambda x: x * m.tanh(_softplus(x))),
    "gelu": (F.gelu, lambda x: x * _phi(x)),
    "gelu of tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: x / 2 * (1 + m.tanh(m.sqrt(2 / m.pi) * (x + m.mpf("0.044715") * x**3))),
    ),
    "logsigmoid": (F.logsigmoid, lambda x: -_softplus(-x)),
    "softsign": (F.softsign, lambda x: x / (1 + abs(x))),
    "tanhshrink": (F.tanhshrink, lambda x: x - m.tanh(x)),
    "elu": (F.elu, lambda x: _or(x > 0, lambda x: x, m.expm1, x)),
    "celu of half": (lambda x: F.celu(x, 0.5), lambda x: _or(x > 0, lambda x: x, lambda x: m.expm1(2 * x) / 2, x)),
    "leaky_relu": (F.leaky_relu, lambda x: _or(x > 0, lambda x: x, lambda x: m.mpf(0.01) * x, x)),
    "relu": (F.relu, lambda x: max(x, 0)),
    "abs": (torch.abs, abs),
    "neg": (torch.neg, lambda x: -x),
    "sinc": (torch.sinc, lambda x: m.sincpi(x)),
    "i0": (torch.special.i0, lambda x: m.besseli(0, x)),
    "i0e": (torch.special.i0e, lambda x: m.besseli(0, x) * m.exp(-abs(x))),
    "i1": (torch.special.i1, lambda x: m.besseli(1, x)),
    "i1e": (torch.special.i1e, lambda x: m.besseli(1, x) * m.exp(-abs(x))),
    "ndtr": (torch.special.ndtr, _ndtr),
    "ndtri": (torch.special.ndtri, lambda p: -m.sqrt(2) * m.erfinv(1 - 2 * p)),
    "log_ndtr": (torch.special.log_ndtr, lambda x: m.log(_phi(x))),
    "entr": (torch.special.entr, lambda x: -x * m.log(x)),
    "erfcx": (torch.special.erfcx, lambda x: m.exp(x * x) * m.erfc(x)),
    "logit": (torch.logit, lambda x: m.log(x / (1 - x))),
    "polygamma of 1": (lambda x: torch.polygamma(1, x), lambda x: m.psi(1, x)),
    "pow of 3": (lambda x: x**3, lambda x: x**3),
    "pow of -2": (lambda x: x**-2, lambda x: 1 / x**2),
    "pow of half": (lambda x: x**0.5, m.sqrt),
    "pow of 1.7": (lambda x: x**1.7, lambda x: m.power(x, m.mpf(1.7))),
    "power of 1.7": (lambda x: 1.7**x, lambda x: m.power(m.mpf(1.7), x)),
    "atan2 of 1": (lambda x: torch.atan2(torch.ones_like(x), x), lambda x: m.atan2(1, x)),
    "hypot of 1": (lambda x: torch.hypot(x, torch.ones_like(x)), lambda x: m.sqrt(x * x + 1)),
    "logaddexp of 0": (lambda x: torch.logaddexp(x, torch.zeros_like(x)), _softplus),
    "logaddexp2 of 0": (lambda x: torch.logaddexp2(x, torch.zeros_like(x)), lambda x: m.log(1 + m.power(2, x), 2)),
    "xlogy": (lambda x: torch.xlogy(x, x), lambda x: x * m.log(x)),
    "xlog1py": (lambda x: torch.special.xlog1py(x, x), lambda x: x * m.log1p(x)),
    "div by 3": (lambda x: x / 3, lambda x: x / 3),
    "3 divided by": (lambda x: 3 / x, lambda x: 3 / x),
    "mul by 0.1": (lambda x: x * 0.1, lambda x: x * m.mpf(0.1)),
    "rsub": (lambda x: 1 - x, lambda x: 1 - x),
    "addcdiv": (lambda x: torch.addcdiv(x, x, x + 2, value=0.3), lambda x: x + m.mpf(0.3) * x / (x + 2)),
    "lerp": (lambda x: torch.lerp(x, x * x, 0.3), lambda x: x + m.mpf(0.3) * (x * x - x)),
    "deg2rad": (torch.deg2rad, lambda x: x * m.pi / 180),
    "rad2deg": (torch.rad2deg, lambda x: x * 180 / m.pi),
    "frac": (torch.frac, lambda x: x - (m.floor(x) if x >= 0 else m.ceil(x))),
    "nan_to_num": (torch.nan_to_num, lambda x: x),
    "hardswish": (F.hardswish, lambda x: x * min(max(x + 3, 0), 6) / 6),
    "hardsigmoid": (F.hardsigmoid, lambda x: min(max(x / 6 + m.mpf(0.5), 0), 1)),
    "hardtanh": (F.hardtanh, lambda x: min(max(x, -1), 1)),
    "clamp": (lambda x: x.clamp(-0.3, 0.7), lambda x: min(max(x, m.mpf(-0.3)), m.mpf(0.7))),
    "softshrink": (F.softshrink, lambda x: x - m.mpf(0.5) if x > 0.5 else x + m.mpf(0.5) if x < -0.5 else m.mpf(0)),
    "threshold": (lambda x: F.threshold(x, 0.3, 0.1), lambda x: x if x > m.mpf(0.3) else m.mpf(0.1)),
    "selu": (
        F.selu,
        lambda x: m.mpf(_SCALE) * x if x > 0 else m.mpf(_SCALE * 1.6732632423543772848170429916717) * m.expm1(x),
    ),
}


def points(dtype: torch.dtype) -> list[float]:
    """Finite numbers of a dtype, the largest last."""
    info = torch.finfo(dtype)
    least, most = math.log(info.smallest_normal), math.log(info.max)
    some = [
        0.0,
        -0.0,
        info.smallest_normal,
        info.smallest_normal * info.eps,
        info.smallest_normal / 4,
        3 * info.smallest_normal,
    ]
    some += [
        1.0,
        1 - info.eps / 2,
        1 + info.eps,
        0.5,
        2.0,
        3.0,
        0.25,
        0.7,
        1.7,
        10.0,
        20.0,
        20.5,
        37.0,
        88.5,
        100.0,
        1e3,
    ]
    some += [
        most * 0.99,
        most * 1.01,
        -least * 0.99,
        -least * 1.02,
        math.sqrt(most),
        math.sqrt(-least),
        math.pi / 2,
        math.pi,
        1e-3,
        1e-6,
    ]
    some += [
        info.eps,
        info.eps / 4,
        info.max**0.5 * 0.9,
        info.max**0.5 * 1.5,
        info.smallest_normal**0.5,
        info.max / 8,
        info.max,
    ]
    both = torch.tensor([*some, *(-x for x in some)], dtype=torch.float64).clamp(-info.max, info.max).to(dtype)
    return [float(x) for x in dict.fromkeys(both.tolist())]


def _exactly(function: Real, x: float, bits: int) -> tuple[Any, Any] | None:
    """Value and derivative at a number; None where either leaves the real numbers, or the slope has two sides."""
    with mpmath.workprec(4 * bits):
        at = mpmath.mpf(x)
        step = mpmath.ldexp(min(abs(at), mpmath.mpf(1)) if at else mpmath.mpf(1), -bits // 3 if at else -bits)
        try:
            value, above, below = function(at), function(at + step), function(at - step)
        except (ZeroDivisionError, ValueError, OverflowError, mpmath.libmp.NoConvergence, NotImplementedError):
            return None
        three = (value, above, below)
        if not all(mpmath.isfinite(one) and mpmath.im(one) == 0 for one in three):
            return None
        left, right = (value - below) / step, (above - value) / step
        if abs(left - right) > abs(mpmath.ldexp(1, -bits // 8)) * (abs(left) + abs(right)) and abs(
            left - right
        ) > mpmath.ldexp(1, -bits // 4):
            return None
        return mpmath.re(value), mpmath.re((above - below) / (2 * step))


def _encloses(ball: DoubleBall, place: int, number: Any) -> bool:
    radius = float(ball.radius[place])
    if not math.isfinite(radius):
        return True
    with mpmath.workprec(4000):
        middle = mpmath.mpf(float(ball.high[place])) + mpmath.mpf(float(ball.low[place]))
        if not mpmath.isfinite(middle):
            return False
        # A difference over 2⁻³³³ of the point is off by 2⁻⁶⁰⁰ of it, or less.
        return bool(
            abs(middle - number) <= mpmath.mpf(radius) + mpmath.ldexp(abs(number) + mpmath.ldexp(1, -900), -240)
        )


def _within(value: float, radius: float, number: Any) -> bool:
    if not math.isfinite(radius):
        return True
    # At 0 the difference that stands for a derivative is over 2⁻¹⁰⁰⁰, and off by about the square of that.
    return math.isfinite(value) and bool(abs(mpmath.mpf(value) - number) <= radius + mpmath.ldexp(1, -1500))


def _truths(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[DoubleBall, DoubleBall] | str:
    tape = Tape([x])
    with tape:
        out = function(x)
    if tape.problem is not None:
        return tape.problem
    return tape.ball(out), tape.gradients(out, torch.ones_like(out))[0]


def _verdicts(name: str, function: Callable[[Tensor], Tensor], x: Tensor, found: Counter[str]) -> list[str]:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            with torch.enable_grad():
                ctx.x = x.detach().requires_grad_()
                ctx.out = function(ctx.x)
            return ctx.out.detach().clone()

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            (gradient,) = torch.autograd.grad(ctx.out, ctx.x, upstream)
            return gradient * (1 + size)

    lines, size = [], max(1e-3, 16 * torch.finfo(x.dtype).eps)
    for label, candidate in (("right", function), ("wrong", Wrong.apply)):
        try:
            report = gradcheck(candidate, x, battery="none", raise_exception=False)
        except Exception as error:  # a defect of ours
            lines.append(f"ERROR {name} {x.dtype} {label}: {type(error).__name__}: {str(error)[:120]}")
            continue
        verdict = report.verdict
        cause = next((row.cause for row in report.rows if row.cause), None)
        overflows = verdict == "fail" and cause is not None and cause.key == "nan"
        found[f"{label}: {'no number' if overflows else verdict}"] += 1
        if (label, verdict) in (("right", "fail"), ("wrong", "pass")) and not overflows:
            why = "" if cause is None else cause.message
            lines.append(f"{verdict.upper()} of what is {label}: {name} {x.dtype} {why}"[:300])
    return lines


def compare(name: str, dtype: torch.dtype, bits: int) -> tuple[Counter[str], list[str]]:
    """What is found of one operator, and lines about what is wrong."""
    function, exactly = FUNCTIONS[name]
    numbers = points(dtype)
    x = torch.tensor(numbers, dtype=dtype).requires_grad_()
    found: Counter[str] = Counter()
    lines: list[str] = []
    truths = _truths(function, x)
    with CandidateWatch(inputs=[x]) as watch:
        out = function(x)
        (gradient,) = torch.autograd.grad(out, x, torch.ones_like(out))
    columns = [
        tensor.detach().double().tolist() for tensor in (out, watch.radius(out), gradient, watch.radius(gradient))
    ]
    if isinstance(truths, str):
        lines.append(f"not certified: {name}: {truths}")
    for place, number in enumerate(numbers):
        exact = _exactly(exactly, number, bits)
        if exact is None:
            found["no reference"] += 1
            continue
        at = f"{name} {dtype} at {number!r}"
        for label, ball, one in () if isinstance(truths, str) else zip(("value", "slope"), truths, exact, strict=True):
            high, radius, right = float(ball.high[place]), float(ball.radius[place]), _encloses(ball, place, one)
            found[f"{label} {'enclosed' if math.isfinite(radius) else 'open'}"] += right
            if not right:
                lines.append(f"NOT ENCLOSED {label} of {at}: {high} ± {radius}, {mpmath.nstr(one, 12)}")
        for label, one, value, radius in zip(("value", "gradient"), exact, *_pairs(columns, place), strict=True):
            right = _within(value, radius, one)
            found[f"bound of {label} {'holds' if math.isfinite(radius) else 'unknown'}"] += right
            if not right:
                lines.append(f"OUT OF BOUND {label} of {at}: {value} within {radius} of {mpmath.nstr(one, 12)}")
    return found, lines + _verdicts(name, function, x.detach().clone().requires_grad_(), found)


def _pairs(columns: list[list[float]], place: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Value and gradient at a place, and their radii."""
    value, of_value, gradient, of_gradient = (column[place] for column in columns)
    return (value, gradient), (of_value, of_gradient)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="operators with this in their name")
    parser.add_argument(
        "--dtype", choices=("float64", "float32", "bfloat16", "float16"), help="one dtype (default all)"
    )
    parser.add_argument("--bits", type=int, default=1000)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    started, total = time.monotonic(), Counter[str]()
    for dtype in [options.dtype] if options.dtype else ["float64", "float32", "bfloat16", "float16"]:
        for name in FUNCTIONS:
            if options.only in name:
                found, lines = compare(name, getattr(torch, dtype), options.bits)
                total += found
                counts = ", ".join(f"{count} {what}" for what, count in sorted(found.items()))
                print(f"{name}, {dtype}: {counts}", flush=True)
                for line in lines:
                    print(line, flush=True)
                    total[line.partition(" ")[0]] += line.split(" ")[0].isupper()
    finish("elementwise operators at the ends of dtypes", dict(total), started, options.json)


if __name__ == "__main__":
    main()
