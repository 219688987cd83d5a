"""A constant factor: fitted, and named where it is one that people get by a known mistake."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import sympy
from flint import arb, fmpq

from diffexplore.checking.records import VALUE
from diffexplore.numerals import short
from diffexplore.verifying.diagnosis.admitted import Admitted
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, subject
from diffexplore.verifying.diagnosis.scene import Scene, SceneUnavailable

#: What a factor makes of the gradient, and why.
_NAMED: dict[Fraction, tuple[str, str]] = {
    Fraction(-1): ("the sign is wrong: it is {} negated", ""),
    Fraction(2): ("it is 2 times {}", ": a factor ½ is missing, or it was accumulated twice without zeroing"),
    Fraction(1, 2): ("it is half {}", ": a factor 2 was dropped"),
    Fraction(-2): ("it is −2 times {}", ""),
    Fraction(-1, 2): ("it is −½ times {}", ""),
}

_SMALL = range(3, 13)

#: A fitted factor is shown as a fraction with so small a denominator where only so much uncertainty is left.
_LARGEST_DENOMINATOR = 12
_SHARP = 2.0**-30


def zero(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    message = "the loss is 0" if name == VALUE else f"the gradient by {name} is 0"
    yield Hypothesis("zero", message, 0, lambda s: _times(s, name, arb(0)), scope="always")


def factors(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The factors that mistakes make. Why a factor is what it is cannot be seen: its possible origins are named."""
    of, loss = subject(name), scenes[0].problem.loss.expression
    for factor, (message, why) in _NAMED.items():
        yield _constant(name, factor, message.format(of), 1, why)
    for times in _SMALL:
        origins = "".join(f", or {text} of the loss" for text in _origins(times, loss))
        why = f" (accumulated {times} times, or a factor {times}{origins}?)"
        yield _constant(name, Fraction(times), f"it is {times} times {of}", 1.25, why)
        yield _constant(name, Fraction(1, times), f"it is 1/{times} of {of}", 1.3)


def _origins(factor: int, loss: sympy.Expr) -> list[str]:
    """How a factor may be made of the numbers that stand in a loss."""
    found = []
    for number in sorted(loss.atoms(sympy.Number), key=str):
        for multiple in (1, 2):
            if number not in (0, 1, -1, factor) and multiple * number == factor:
                found.append(f"{multiple}·{float(number):g}" if multiple > 1 else f"{float(number):g}")
    return found[:1]


def sizes(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """Factors made of the number of samples N; of one number alone there is only N itself to be thought of."""
    reduction, seen = scenes[0].problem.loss.reduction, {scene.n for scene in scenes}
    if seen == {1}:
        return
    of = subject(name)
    took = "the sum was taken for the mean" if reduction == "mean" else "multiplied by the number of samples"
    lost = "divided by N once too often" if reduction == "mean" else "the mean was taken for the sum"
    yield _sized(name, "N", f"it is N times {of}: {took}", lambda s: arb(s.n))
    yield _sized(name, "1/N", f"it is 1/N of {of}: {lost}", lambda s: 1 / arb(s.n))
    if len(seen) == 1:
        return
    yield _sized(name, "N/(N-1)", f"it is N/(N − 1) times {of}: divided by N − 1 for N", _without_one)
    yield _sized(name, "N/(N+1)", f"it is N/(N + 1) times {of}: divided by N + 1 for N", lambda s: arb(s.n) / (s.n + 1))
    yield _sized(name, "sqrt(N)", f"it is √N times {of}", lambda s: arb(s.n).sqrt())
    yield _sized(name, "1/sqrt(N)", f"it is 1/√N of {of}", lambda s: 1 / arb(s.n).sqrt())
    yield _sized(
        name, "n/N", "it is divided by the size of the whole batch, whatever the number of samples given",
        lambda s: arb(s.n) / s.total,
    )  # fmt: skip


def fitted(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """A factor that no mistake is known for, where one fits all scenes."""
    found = _interval(name, scenes, lambda scene: 1.0)
    if found is not None:
        middle, uncertainty = found
        message = f"it is {_factor_text(middle, uncertainty)} times {subject(name)}"
        ball = arb(middle, uncertainty)
        yield Hypothesis(
            "factor", message, 3, lambda s: _times(s, name, ball), {"factor": middle, "uncertainty": uncertainty},
            fitted=1, mistake="constant", scope="always",
        )  # fmt: skip
    per_sample = _interval(name, scenes, lambda scene: float(scene.n))
    if per_sample is not None and scenes[0].mean and len({scene.n for scene in scenes}) > 1:
        middle, uncertainty = 1 / per_sample[0], per_sample[1] / per_sample[0] ** 2
        ball = arb(*per_sample)
        of = subject(name)
        if abs(middle) < 1:
            times = _factor_text(*per_sample)
            message = f"it is {times} N times {of}: the sum was taken for the mean, and {times} times it"
        else:
            by = _factor_text(middle, uncertainty)
            message = f"it is N/{by} times {of}: the sum is divided by {by}, a fixed number in the place of N"
        yield Hypothesis(
            "factor", message, 2.9, lambda s: _times(s, name, ball * s.n),
            {"factor": f"N/{middle:g}", "divisor": middle}, fitted=1, mistake="size",
        )  # fmt: skip


def _factor_text(middle: float, uncertainty: float) -> str:
    """``2/3`` where a short fraction fits, else the number and how uncertain it is."""
    fraction = Fraction(middle).limit_denominator(_LARGEST_DENOMINATOR)
    if abs(float(fraction) - middle) <= uncertainty <= _SHARP * abs(middle):
        return str(fraction)
    near_one = abs(middle - 1) < 1e-2
    text = f"(1 {'+' if middle > 1 else '−'} {short(abs(middle - 1), 4)})" if near_one else f"{middle:.12g}"
    return f"{text} (± {short(uncertainty)})"


def _interval(name: str, scenes: Sequence[Scene], scale: Callable[[Scene], float]) -> tuple[float, float] | None:
    """The multiple of ``scale`` times the truth that every number of every scene admits, and its uncertainty."""
    admitted = Admitted()
    for scene in scenes:
        unit = scale(scene)
        for value, bound, truth in scene.numbers(name):
            if not math.isfinite(value):
                return None
            middle = unit * float(truth.mid())
            size, slack = abs(middle), scene.slack(value, bound)
            if size <= slack:
                if abs(value) > slack:
                    return None
                continue
            ratio, room = value / middle, slack / size * max(1.0, abs(value) / size)
            admitted.narrow(ratio, room)
    return admitted.unlike(0, 1)


def _constant(name: str, factor: Fraction, message: str, rank: float, why: str = "") -> Hypothesis:
    exact = arb(fmpq(factor.numerator, factor.denominator))
    return Hypothesis(
        "factor", message, rank, lambda s: _times(s, name, exact), {"factor": float(factor)}, mistake="constant",
        scope="limits", why=why,
    )  # fmt: skip


def _without_one(scene: Scene) -> arb:
    """N/(N − 1); nothing is predicted of one sample, which every code treats in its own way."""
    if scene.n == 1:
        raise SceneUnavailable
    return arb(scene.n) / (scene.n - 1)


def _sized(name: str, symbol: str, message: str, factor: Callable[[Scene], arb]) -> Hypothesis:
    return Hypothesis("factor", message, 1.1, lambda s: _times(s, name, factor(s)), {"factor": symbol}, mistake="size")


def _times(scene: Scene, name: str, factor: arb) -> list[arb]:
    return [truth * factor for truth in scene.truth(name)]
