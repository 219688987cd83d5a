"""Samples left out, counted twice, or put in another order; partials swapped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy
from flint import arb

from diffexplore.verifying.candidates.computes_loss import UPSTREAM
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction, exactly, subject, truth_of
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial, need_samples, reduces


def swapped(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The partial by another symbol in the place of this one."""
    first = scenes[0]
    for other in first.problem.wrt:
        if other != name and first.by_sample(other) == first.by_sample(name):
            message = f"it is the partial by {other}: the two are swapped"
            yield Hypothesis("swapped", message, 1.5, truth_of(other), {"other": other})


#: How a sample is miscounted, and how often its share is added to the sum thereby.
_MISCOUNTS = (("is left out", 2.5, -1), ("is counted twice", 2.6, 1), ("counts with the wrong sign", 2.6, -2))

#: Stands for the place n // 2, whatever n is.
_MIDDLE = -(10**9)


def _place(scene: Scene, place: int) -> int:
    return scene.n // 2 if place == _MIDDLE else place


def left_out(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The sample at one place left out or counted twice, in each batch that has it."""
    if not reduces(name, scenes):
        return
    most = max(len(scene.samples) for scene in scenes)
    places = [(-1, "the last sample"), (0, "the first sample")]
    places += [(_MIDDLE, "the sample in the middle")] if most > 2 else []
    places += [(i, f"the sample at place {i} of the batch") for i in range(1, most)]
    for place, words in places:
        where = at_places([_place(scene, place) for scene in scenes], scenes)
        fields = {"place": words, **({"sample": place} if place >= 0 else {})}
        for what, rank, times in _MISCOUNTS:
            yield Hypothesis("one_sample", f"{words} {what}", rank, _without(name, place, times), fields, mistake=where)
        if scenes[0].mean:
            message = f"{words} is left out, of the sum and of the count"
            yield Hypothesis("one_sample", message, 2.5, _mean_without(name, place), fields, mistake=where)


def at_places(places: Sequence[int | None], scenes: Sequence[Scene]) -> str:
    """Which samples of the scenes are meant: other samples are another mistake, though the numbers may be the same."""
    there = [
        "-" if place is None or not -scene.n <= place < scene.n else str(place % scene.n)
        for place, scene in zip(places, scenes, strict=True)
    ]
    return f"sample {' '.join(there)}"


def _without(name: str, place: int, times: int) -> Prediction:
    def predict(scene: Scene) -> list[arb]:
        (truth,), parts, here = scene.truth(name), scene.partials(name), _place(scene, place)
        return [truth + times * scene.share(parts[here]) if -scene.n <= here < scene.n else truth]

    return predict


def _mean_without(name: str, place: int) -> Prediction:
    def predict(scene: Scene) -> list[arb] | None:
        (truth,), parts, here = scene.truth(name), scene.partials(name), _place(scene, place)
        if not -scene.n <= here < scene.n or scene.n == 1:
            return None
        return [(truth * scene.n - parts[here]) / (scene.n - 1)]

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
            message = f"its entries are {words}: samples are out of order"
            yield Hypothesis("permuted", message, 2.4, _in_order(name, order))
        if len(first.problem.loss.data) > 1:
            for column in first.problem.loss.data:
                message = f"the samples of {column} are {words} against the others"
                yield Hypothesis("permuted", message, 2.4, _with_order(name, column, order), {"column": column})


def _in_order(name: str, order: Any) -> Prediction:
    return lambda scene: [scene.truth(name)[i] for i in order(scene.n)]


def _with_order(name: str, column: str, order: Any) -> Prediction:
    def predict(scene: Scene) -> list[arb]:
        need_samples(scene)
        moved = zip(scene.samples, order(scene.n), strict=True)
        samples = tuple({**sample, column: scene.samples[place][column]} for sample, place in moved)
        return Scene(scene.problem, scene.point, samples, scene.index, scene.total, scene.estimates).truth(name)

    return predict


def squashed(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The absolute value, the sign, or the gradient clipped at a threshold."""
    of, sign = subject(name), _mapped(name, lambda x: arb(1) if x > 0 else arb(-1))
    yield Hypothesis("sign_lost", f"it is the absolute value of {of}", 2.7, _mapped(name, abs))
    yield Hypothesis("sign_only", f"it is the sign of {of}", 2.7, sign)
    largest = max(abs(value) for scene in _sharpest(scenes) for value in scene.values(name))
    if largest > 0:
        message, cut = f"it is clipped at ±{largest:.6g}", _mapped(name, lambda x: _clip(x, largest))
        yield Hypothesis("clipped", message, 3.2, cut, {"threshold": largest}, fitted=1, mistake="clipped")


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
        return [scene.share(sum((_clip(part, limit) for part in scene.partials(name)), arb(0)))]

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
        message, predict = f"the gradient is scaled down to a norm of {limit:.6g}", _scaled_down(name, limit)
        yield Hypothesis("clipped", message, 3.3, predict, {"norm": limit}, fitted=1, mistake="clipped norm")


def _together(scene: Scene) -> list[str]:
    return [other for other in scene.problem.parameters if other in scene.estimates]


def _scaled_down(name: str, limit: float) -> Prediction:
    def predict(scene: Scene) -> list[arb]:
        norm = sum((scene.truth(other)[0] ** 2 for other in _together(scene)), arb(0)).sqrt()
        (truth,) = scene.truth(name)
        return [truth * limit / norm if norm > limit else truth]

    return predict


def _mapped(name: str, function: Callable[[arb], arb]) -> Prediction:
    return lambda scene: [function(truth) for truth in scene.truth(name)]


def upstream_ignored(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The gradient as if the upstream gradient were 1."""
    problem = scenes[0].problem
    if UPSTREAM in problem.loss.data:
        alone = exact_partial(problem, name).subs(problem.loss.symbols[UPSTREAM], sympy.Integer(1))
        message = "the upstream gradient is ignored: it is the gradient for an upstream of 1"
        yield Hypothesis("upstream_ignored", message, 1.6, exactly(name, alone), mistake="upstream")
