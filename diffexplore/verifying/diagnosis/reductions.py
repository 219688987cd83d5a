"""How the samples' gradients become one number, where it is neither their mean nor their sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flint import arb

from diffexplore.checking.records import VALUE, Cause
from diffexplore.verifying.diagnosis.evidence import different, is_wrong
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction
from diffexplore.verifying.diagnosis.scene import Scene, reduces

#: Different values of a column, at most, that are taken for classes to be counted.
_CLASSES = 6

#: Right singles, and wrong batches, that it takes to blame what combines the samples.
_RIGHT, _WRONG = 3, 2

_CHOICES: tuple[tuple[str, Callable[[list[arb]], arb]], ...] = (
    ("the largest of the samples' gradients", lambda parts: max(parts, key=_middle)),
    ("the smallest of the samples' gradients", lambda parts: min(parts, key=_middle)),
    ("the median of the samples' gradients", lambda parts: sorted(parts, key=_middle)[(len(parts) - 1) // 2]),
    ("the first sample's gradient", lambda parts: parts[0]),
    ("the last sample's gradient", lambda parts: parts[-1]),
    ("the sum of the samples' absolute gradients", lambda parts: sum((abs(part) for part in parts), arb(0))),
    ("the mean of the samples' absolute gradients", lambda p: sum((abs(part) for part in p), arb(0)) / len(p)),
)


def _middle(part: arb) -> float:
    return float(part.mid())


def reductions(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """One of the samples' gradients in the place of all, or their sum divided by the count of some of them."""
    if not reduces(name, scenes):
        return
    for gradients, choose in _CHOICES:
        words = gradients if name != VALUE else gradients.replace("gradients", "losses").replace("gradient", "loss")
        yield Hypothesis("reduction", f"it is {words}", 2.45, _made_of(name, choose), {"by": words})
    for column in scenes[0].problem.loss.data:
        known = {sample[column] for scene in scenes if len(scene.samples) == scene.n for sample in scene.samples}
        for value in sorted(known) if len(known) <= _CLASSES else ():
            for words, counted in ((f"{column} = {value:g}", True), (f"{column} ≠ {value:g}", False)):
                yield Hypothesis(
                    "reduction", f"the sum is divided by the number of samples with {words}, not by N", 2.45,
                    _over_count(name, column, value, counted), {"count": words},
                )  # fmt: skip


def _made_of(name: str, choose: Callable[[list[arb]], arb]) -> Prediction:
    return lambda scene: [choose(scene.partials(name))]


def _over_count(name: str, column: str, value: float, equal: bool) -> Prediction:
    def predict(scene: Scene) -> list[arb]:
        total = sum(scene.partials(name), arb(0))
        return [total / max(sum((sample[column] == value) == equal for sample in scene.samples), 1)]

    return predict


def of_the_reduction(name: str, singles: Sequence[Scene], batches: Sequence[Scene]) -> Cause | None:
    """The conclusion that each sample is right by itself, and what combines several of them is wrong."""
    wrong = [scene for scene in batches if scene.n > 1 and is_wrong(scene, name)]
    right = [scene for scene in singles if not scene.truth(name)[0].contains(0)]
    if len(right) < _RIGHT or len(wrong) < _WRONG or any(is_wrong(scene, name) for scene in singles):
        return None
    sizes = ", ".join(str(n) for n in sorted({scene.n for scene in wrong}))
    message = (
        f"each of {different(right)} samples alone is right, and batches of {sizes} are wrong: the reduction over the "
        "samples is at fault (their weights, their number, or what it mixes)"
    )
    return Cause("reduction", message, {"right_alone": different(right), "wrong_sizes": sizes, "certain": True})
