"""A constant factor: fitted, and named where it is one that people get by a known mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from flint import arb, fmpq

from diffexplore.numerals import short
from diffexplore.verify.diagnosis.hypothesis import Hypothesis
from diffexplore.verify.diagnosis.scene import Scene

_NAMED: dict[Fraction, str] = {
    Fraction(-1): "the sign is wrong: it is the negated gradient",
    Fraction(2): "it is 2 times the gradient: a factor ½ is missing, or it was accumulated twice without zeroing",
    Fraction(1, 2): "it is half the gradient: a factor 2 was dropped",
    Fraction(-2): "it is −2 times the gradient",
    Fraction(-1, 2): "it is −½ times the gradient",
}

_ACCUMULATED = range(3, 13)

#: A fitted factor is shown as a fraction with so small a denominator where only so much uncertainty is left.
_LARGEST_DENOMINATOR = 12
_SHARP = 2.0**-30


def zero(name: str) -> Iterator[Hypothesis]:
    yield Hypothesis("zero", f"the gradient by {name} is 0 whatever the input", 0, lambda s: _times(s, name, arb(0)))


def factors(name: str) -> Iterator[Hypothesis]:
    """The factors that mistakes make."""
    for factor, message in _NAMED.items():
        yield _constant(name, factor, message, 1)
    for times in _ACCUMULATED:
        yield _constant(
            name, Fraction(times), f"it is {times} times the gradient: accumulated {times} times, not zeroed?", 1.2
        )
        yield _constant(name, Fraction(1, times), f"it is 1/{times} of the gradient", 1.3)


def sizes(name: str, reduction: str) -> Iterator[Hypothesis]:
    """Factors made of the number of samples N."""
    took = "the sum was taken for the mean" if reduction == "mean" else "multiplied by the number of samples"
    lost = "divided by N once too often" if reduction == "mean" else "the mean was taken for the sum"
    yield _sized(name, "N", f"it is N times the gradient: {took}", lambda s: arb(s.n))
    yield _sized(name, "1/N", f"it is 1/N of the gradient: {lost}", lambda s: 1 / arb(s.n))
    yield _sized(
        name, "N/(N-1)", "it is N/(N − 1) times the gradient: divided by N − 1 for N",
        lambda s: arb(s.n) / (s.n - 1) if s.n > 1 else arb(1),
    )  # fmt: skip
    yield _sized(
        name, "n/N", "it is divided by the size of the whole batch, whatever the number of samples given",
        lambda s: arb(s.n) / s.total,
    )  # fmt: skip


def fitted(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """A factor that no mistake is known for, where one fits all scenes."""
    interval = _interval(name, scenes)
    if interval is None:
        return
    low, high = interval
    if not low < high or low <= 1 <= high:
        return
    middle = (low + high) / 2
    uncertainty = (high - low) / 2
    message = f"it is {_factor_text(middle, uncertainty)} times the gradient, whatever the input"
    ball = arb(middle, uncertainty)
    yield Hypothesis(
        "factor", message, 3, lambda s: _times(s, name, ball), {"factor": middle, "uncertainty": uncertainty}
    )


def _factor_text(middle: float, uncertainty: float) -> str:
    """``2/3`` where a short fraction fits, else the number and how uncertain it is."""
    fraction = Fraction(middle).limit_denominator(_LARGEST_DENOMINATOR)
    if abs(float(fraction) - middle) <= uncertainty <= _SHARP * abs(middle):
        return str(fraction)
    near_one = abs(middle - 1) < 1e-2
    text = f"(1 {'+' if middle > 1 else '−'} {short(abs(middle - 1), 4)})" if near_one else f"{middle:.12g}"
    return f"{text} (± {short(uncertainty)})"


def _interval(name: str, scenes: Sequence[Scene]) -> tuple[float, float] | None:
    """The factors that every number of every scene admits."""
    low, high = -float("inf"), float("inf")
    for scene in scenes:
        for value, bound, truth in zip(scene.values(name), scene.bounds(name), scene.truth(name), strict=True):
            size = abs(float(truth.mid()))
            slack = 2 * bound + 4 * scene.unit() * abs(value)
            if size <= slack:
                if abs(value) > slack:
                    return None
                continue
            ratio, room = value / float(truth.mid()), slack / size * max(1.0, abs(value) / size)
            low, high = max(low, ratio - room), min(high, ratio + room)
    return (low, high) if low > -float("inf") else None


def _constant(name: str, factor: Fraction, message: str, rank: float) -> Hypothesis:
    exact = arb(fmpq(factor.numerator, factor.denominator))
    return Hypothesis("factor", message, rank, lambda s: _times(s, name, exact), {"factor": float(factor)})


def _sized(name: str, symbol: str, message: str, factor: Callable[[Scene], arb]) -> Hypothesis:
    return Hypothesis("factor", message, 1.1, lambda s: _times(s, name, factor(s)), {"factor": symbol})


def _times(scene: Scene, name: str, factor: arb) -> list[arb]:
    return [truth * factor for truth in scene.truth(name)]
