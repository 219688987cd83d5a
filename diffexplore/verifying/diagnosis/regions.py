"""Where a candidate is wrong: a class of the data, or one side of a threshold, with all wrong samples and no other.

The message about the wrong samples is about them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy

from diffexplore.checking.records import VALUE, Cause
from diffexplore.formula.text import to_text
from diffexplore.numerals import short
from diffexplore.verifying.candidates.computes_loss import UPSTREAM
from diffexplore.verifying.diagnosis.evidence import consistent, different, is_wrong, named, right_beside
from diffexplore.verifying.diagnosis.families import hypotheses
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial

#: Samples on each side of a condition that make it more than an accident.
_FEW = 3

#: A column with so many different values at most is a class.
_CLASSES = 4

_MOST_QUANTITIES = 24

#: What is said of the other samples.
RIGHT_ELSEWHERE = "right elsewhere"

#: Quantities are distinguished beyond this, relative to their size.
_APART = 2.0**-20


@dataclass(frozen=True)
class SampleRegion:
    """A condition that a set of samples meets and another does not; of several the one with the least rank is named."""

    text: str
    rank: float


def of_a_region(name: str, singles: Sequence[Scene]) -> Cause | None:
    """The cause on the wrong samples alone, with the condition that they share."""
    wrong = [scene for scene in singles if is_wrong(scene, name)]
    right = right_beside(singles, wrong, name)
    if not wrong or not right:
        return None
    found = regions(wrong, right, name)
    if not found:
        return None
    inner = explained(name, wrong, scope=False)
    words = inner.message if inner else "the gradient is wrong, by no known mistake"
    few = min(different(wrong), different(right))
    sure = few >= _FEW and (found[0].rank < 1 or len(wrong) + len(right) > 4 * _FEW)
    message = f"where {found[0].text} ({RIGHT_ELSEWHERE}): {words}"
    return Cause("region", message, {
        **(inner.fields if inner else {}), "where": found[0].text, "key": inner.key if inner else None,
        "right": len(right), "wrong": len(wrong), "certain": sure and (inner is None or inner.fields["certain"]),
    })  # fmt: skip


def of_each_class(name: str, singles: Sequence[Scene]) -> Cause | None:
    """A cause for each value of a column, or each side of 0 of a quantity, where no cause holds for all."""
    for parts in _partitions(singles, name):
        if min(different(part) for part in parts.values()) < _FEW:
            continue
        causes = {text: explained(name, part, scope=False) for text, part in parts.items()}
        if all(causes.values()):
            messages = [f"where {text}: {cause.message}" for text, cause in causes.items() if cause]
            certain = all(cause.fields["certain"] for cause in causes.values() if cause)
            return Cause("region", "; ".join(messages), {"where": list(causes), "certain": certain})
    return None


def explained(name: str, scenes: Sequence[Scene], *, scope: bool = True) -> Cause | None:
    """The cause of some scenes by themselves."""
    found = consistent(hypotheses(name, scenes), scenes, name)
    return named(found, scenes, name, scope=scope) if found else None


def regions(wrong: Sequence[Scene], right: Sequence[Scene], name: str) -> list[SampleRegion]:
    """The conditions that hold on all of the first scenes and on none of the second, the plainest first."""
    found = []
    for place, (text, of) in enumerate(_quantities(wrong[0], name)):
        there, elsewhere = _numbers(wrong, of), _numbers(right, of)
        region = None if there is None or elsewhere is None else _between(text, there, elsewhere)
        if region is not None:
            found.append(SampleRegion(region.text, region.rank + place / 100))
    return sorted(found, key=lambda region: region.rank)


def _between(text: str, there: list[float], elsewhere: list[float]) -> SampleRegion | None:
    values, others = set(there), set(elsewhere)
    if not values & others and len(values) <= _CLASSES and all(value == round(value) for value in values | others):
        if len(others) == 1 < len(values):
            return SampleRegion(f"{text} ≠ {others.pop():g}", 0)
        if len(values) == 1 or len(values | others) <= 2 * _CLASSES:
            return SampleRegion(" or ".join(f"{text} = {value:g}" for value in sorted(values)), 0)
    for sign, low, high in (("<", max(there), min(elsewhere)), (">", max(elsewhere), min(there))):
        if high - low > _APART * (abs(low) + abs(high)):
            level = _level(low, high)
            return SampleRegion(f"{text} {sign} {level}", 0.5 if level == "0" else 1.5)
    sizes, other_sizes = [abs(value) for value in there], [abs(value) for value in elsewhere]
    for sign, low, high in (("<", max(sizes), min(other_sizes)), (">", max(other_sizes), min(sizes))):
        if high - low > _APART * (low + high):
            return SampleRegion(f"|{text}| {sign} {_level(low, high)}", 2)
    return None


def _level(low: float, high: float) -> str:
    """0 where it lies between, else about the shortest number between: samples alone do not tell it exactly."""
    if low <= 0 <= high:
        return "0"
    middle = (low + high) / 2
    texts = (f"{middle:.{digits}g}" for digits in range(1, 12))
    return f"about {next((text for text in texts if low <= float(text) <= high), short(middle, 6))}"


def _quantities(scene: Scene, name: str) -> Iterator[tuple[str, sympy.Expr]]:
    """What a condition may be on: the data, the parameters, parts of the loss, and the partial itself."""
    problem = scene.problem
    symbols = problem.loss.symbols
    names = [symbol for symbol in (*problem.loss.data, *problem.loss.parameters) if symbol != UPSTREAM]
    yield from ((symbol, symbols[symbol]) for symbol in names)
    parts = [
        node for node in sympy.preorder_traversal(problem.loss.expression)
        if isinstance(node, sympy.Expr) and node.is_Add and node.free_symbols
    ]  # fmt: skip
    for part in list(dict.fromkeys(parts))[:_MOST_QUANTITIES]:
        yield to_text(part), part
    yield "the loss" if name == VALUE else f"∂ℓ/∂{name}", exact_partial(problem, name)


def _numbers(singles: Sequence[Scene], expression: sympy.Expr) -> list[float] | None:
    """The expression at single samples; None where it has no value at some of them."""
    balls = [scene.at_samples(expression)[0] for scene in singles]
    return [float(ball.mid()) for ball in balls] if all(ball.is_finite() for ball in balls) else None


def _partitions(singles: Sequence[Scene], name: str) -> Iterator[Mapping[str, list[Scene]]]:
    for text, of in _quantities(singles[0], name):
        numbers = _numbers(singles, of)
        if numbers is None or len(set(numbers)) < 2:
            continue
        few = len(set(numbers)) <= _CLASSES
        parts: dict[str, list[Scene]] = {f"{text} = {value:g}": [] for value in sorted(set(numbers))} if few else {
            f"{text} > 0": [], f"{text} ≤ 0": [],
        }  # fmt: skip
        for number, scene in zip(numbers, singles, strict=True):
            parts[f"{text} = {number:g}" if few else f"{text} {'>' if number > 0 else '≤'} 0"].append(scene)
        yield parts
