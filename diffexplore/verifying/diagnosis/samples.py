"""Samples left out, counted twice, or put in another order; partials swapped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import sympy
from flint import arb

from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction, subject, truth_of
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial, need_samples


def swapped(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The partial by another symbol in the place of this one."""
    first = scenes[0]
    for other in first.problem.wrt:
        if other != name and first.by_sample(other) == first.by_sample(name):
            yield Hypothesis(
                "swapped", f"it is the partial by {other}: the two are swapped", 1.5,
                truth_of(other), {"other": other},
            )  # fmt: skip


#: How a sample is miscounted, and how often its share is added to the sum thereby.
_MISCOUNTS = (("is left out", 2.5, -1), ("is counted twice", 2.6, 1), ("counts with the wrong sign", 2.6, -2))

#: Stands for the place n // 2, whatever n is.
_MIDDLE = -(10**9)


def _place(scene: Scene, place: int) -> int:
    return scene.n // 2 if place == _MIDDLE else place


def left_out(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The sample at one place left out or counted twice, in each batch that has it."""
    first = scenes[0]
    if first.by_sample(name) or not first.problem.loss.data or all(scene.n == 1 for scene in scenes):
        return
    places = [(-1, "the last sample"), (0, "the first sample")]
    if max(len(s.samples) for s in scenes) > 2:
        places.append((_MIDDLE, "the sample in the middle"))
    places += [(i, f"the sample at place {i} of the batch") for i in range(1, max(len(s.samples) for s in scenes))]
    for place, words in places:
        where = at_places([_place(scene, place) for scene in scenes], scenes)
        fields = {"place": words, **({"sample": place} if place >= 0 else {})}
        for what, rank, times in _MISCOUNTS:
            yield Hypothesis("one_sample", f"{words} {what}", rank, _without(name, place, times), fields, mistake=where)
        if first.mean:
            yield Hypothesis(
                "one_sample", f"{words} is left out, of the sum and of the count", 2.5, _mean_without(name, place),
                fields, mistake=where,
            )  # fmt: skip


def at_places(places: Sequence[int | None], scenes: Sequence[Scene]) -> str:
    """Which samples of the scenes are meant: other samples are another mistake, though the numbers may be the same."""
    there = [
        "-" if place is None or not -scene.n <= place < scene.n else str(place % scene.n)
        for place, scene in zip(places, scenes, strict=True)
    ]
    return f"sample {' '.join(there)}"


def _without(name: str, place: int, times: int) -> Any:
    def predict(scene: Scene) -> list[arb]:
        (truth,) = scene.truth(name)
        need_samples(scene)
        here = _place(scene, place)
        if not -scene.n <= here < scene.n:
            return [truth]
        part = scene.at_samples(exact_partial(scene.problem, name))[here]
        return [truth + times * (part / scene.n if scene.mean else part)]

    return predict


def _mean_without(name: str, place: int) -> Any:
    def predict(scene: Scene) -> list[arb] | None:
        (truth,) = scene.truth(name)
        need_samples(scene)
        here = _place(scene, place)
        if not -scene.n <= here < scene.n or scene.n == 1:
            return None
        part = scene.at_samples(exact_partial(scene.problem, name))[here]
        return [(truth * scene.n - part) / (scene.n - 1)]

    return predict


def reordered(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """One column against the others, or the gradient's own entries, reversed or moved by one place."""
    first = scenes[0]
    orders = (
        ("reversed", lambda n: range(n - 1, -1, -1)),
        ("moved by one place", lambda n: [(i - 1) % n for i in range(n)]),
        ("moved back by one place", lambda n: [(i + 1) % n for i in range(n)]),
    )
    for words, order in orders:
        if first.by_sample(name):
            yield Hypothesis(
                "permuted", f"its entries are {words}: samples are out of order", 2.4,
                _in_order(name, order),
            )  # fmt: skip
        if len(first.problem.loss.data) > 1:
            for column in first.problem.loss.data:
                yield Hypothesis(
                    "permuted", f"the samples of {column} are {words} against the others", 2.4,
                    _with_order(name, column, order), {"column": column},
                )  # fmt: skip


def _in_order(name: str, order: Any) -> Prediction:
    return lambda scene: [scene.truth(name)[i] for i in order(scene.n)]


def _with_order(name: str, column: str, order: Any) -> Any:
    def predict(scene: Scene) -> list[arb]:
        need_samples(scene)
        places = list(order(scene.n))
        samples = tuple(
            {**sample, column: scene.samples[place][column]}
            for sample, place in zip(scene.samples, places, strict=True)
        )
        other = Scene(scene.problem, scene.point, samples, scene.index, scene.total, scene.estimates)
        return other.truth(name)

    return predict


def squashed(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The absolute value, the sign, or the gradient clipped at a threshold."""
    yield Hypothesis("sign_lost", f"it is the absolute value of {subject(name)}", 2.7, _mapped(name, abs))
    yield Hypothesis(
        "sign_only", f"it is the sign of {subject(name)}", 2.7, _mapped(name, lambda x: arb(1) if x > 0 else arb(-1))
    )
    largest = max(abs(value) for scene in _sharpest(scenes) for value in scene.values(name))
    if largest > 0:
        yield Hypothesis(
            "clipped", f"it is clipped at ±{largest:.6g}", 3.2,
            _mapped(name, lambda x: _clip(x, largest)), {"threshold": largest}, fitted=1, mistake="clipped",
        )  # fmt: skip


def _sharpest(scenes: Sequence[Scene]) -> list[Scene]:
    """Those of the widest dtype: a threshold that is rounded in another one is not that of the code."""
    least = min(scene.unit() for scene in scenes)
    return [scene for scene in scenes if scene.unit() == least]


def clipped_samples(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The gradient of each sample clipped, before they are added up; single samples show where."""
    alone = [abs(scene.values(name)[0]) for scene in _sharpest(scenes) if scene.n == 1]
    if scenes[0].by_sample(name) or not max(alone, default=0.0) > 0:
        return
    limit = max(alone)

    def predict(scene: Scene) -> list[arb]:
        need_samples(scene)
        parts = [_clip(part, limit) for part in scene.at_samples(exact_partial(scene.problem, name))]
        total = sum(parts, arb(0))
        return [total / scene.n if scene.mean else total]

    message = f"the gradient of each sample is clipped at ±{limit:.6g}"
    yield Hypothesis("clipped", message, 3.25, predict, {"threshold": limit}, fitted=1, mistake="clipped samples")


def _clip(x: arb, limit: float) -> arb:
    return x if abs(x) <= limit else arb(limit if x > 0 else -limit)


def norm_clipped(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The whole gradient scaled down to a largest norm, as optimisers clip it."""
    first = scenes[0]
    if first.by_sample(name):
        return
    norms = [math.hypot(*(scene.values(other)[0] for other in _together(scene))) for scene in _sharpest(scenes)]
    limit = max(norms, default=0.0)
    if limit > 0:
        yield Hypothesis(
            "clipped", f"the gradient is scaled down to a norm of {limit:.6g}", 3.3, _scaled_down(name, limit),
            {"norm": limit}, fitted=1, mistake="clipped norm",
        )  # fmt: skip


def _together(scene: Scene) -> list[str]:
    return [other for other in scene.problem.parameters if other in scene.estimates]


def _scaled_down(name: str, limit: float) -> Prediction:
    def predict(scene: Scene) -> list[arb]:
        squares = [scene.truth(other)[0] ** 2 for other in _together(scene)]
        norm = sum(squares, arb(0)).sqrt()
        (truth,) = scene.truth(name)
        return [truth * limit / norm if norm > limit else truth]

    return predict


def _mapped(name: str, function: Any) -> Any:
    return lambda scene: [function(truth) for truth in scene.truth(name)]


def upstream_ignored(name: str, scenes: Sequence[Scene], upstream: str) -> Iterator[Hypothesis]:
    """The gradient as if the upstream gradient were 1."""
    problem = scenes[0].problem
    if upstream not in problem.loss.data:
        return
    symbol = problem.loss.symbols[upstream]
    alone = exact_partial(problem, name).subs(symbol, sympy.Integer(1))
    yield Hypothesis(
        "upstream_ignored", "the upstream gradient is ignored: it is the gradient for an upstream of 1", 1.6,
        lambda scene: scene.reduced(name, alone), mistake="upstream",
    )  # fmt: skip
