"""Which hypotheses hold, and how certain that is: a cause needs two numbers more than were fitted to name it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from diffexplore.checking.records import Cause
from diffexplore.errors import DiffexploreError
from diffexplore.verifying.candidates.computes_loss import UPSTREAM
from diffexplore.verifying.diagnosis.hypothesis import EDIT, Hypothesis, alike, explains, telling
from diffexplore.verifying.diagnosis.scene import Scene

#: Tolerances by which a certain cause must differ from the truth: in a narrow dtype many causes fit a little error.
_CLEAR = 16.0

#: Relative uncertainty up to which a fitted number counts as certain.
_SHARP = 2.0**-10

#: Mistakes that look like others where all values lie on one side.
_NONLINEAR = frozenset({"sign_lost", "sign_only", "clipped"})

#: Bounds within which an error would not be seen.
_SEEN = 2.0

#: What is said of a cause that was seen to hold at several points.
EVERYWHERE = "whatever the input"

#: Independent numbers that make a cause certain, beside those that were fitted.
_ENOUGH = 2


def is_wrong(scene: Scene, name: str) -> bool:
    """Whether the candidate is wrong in a scene."""
    if name not in scene.estimates or not scene.is_decided():
        return False
    return any(abs(truth - value) > bound for value, bound, truth in scene.numbers(name))


def right_beside(scenes: Sequence[Scene], wrong: Sequence[Scene], name: str) -> list[Scene]:
    """The scenes in which the candidate is right, where an error as small as any of the wrong ones would be seen.

    In a narrow dtype a value within a bound that is as large as itself is no right one, and 0 is right with any factor.
    """
    least = min((_relative_error(scene, name) for scene in wrong), default=0.0)
    return [
        scene for scene in scenes
        if name in scene.estimates and not is_wrong(scene, name)
        and all(_SEEN * bound < min(least, 1.0) * abs(float(truth.mid())) for _, bound, truth in scene.numbers(name))
    ]  # fmt: skip


def _relative_error(scene: Scene, name: str) -> float:
    pairs = [(value, float(truth.mid())) for value, _, truth in scene.numbers(name)]
    errors = [abs(value - truth) / abs(truth) for value, truth in pairs if truth != 0]
    return max(errors, default=1.0)


def different(singles: Sequence[Scene]) -> int:
    """How many different samples there are."""
    return len({tuple(scene.samples[0].items()) for scene in singles})


def consistent(hypotheses: Iterable[Hypothesis], scenes: Sequence[Scene], name: str) -> list[Hypothesis]:
    """The hypotheses that explain everything and say more than that all is well, the simplest first.

    One with a fitted number has to explain another number beside: any number fits itself. Edits of the loss come last,
    and count only where nothing simpler explains everything.
    """
    found: list[Hypothesis] = []
    for hypothesis in hypotheses:
        if hypothesis.mistake == EDIT and any(other.mistake != EDIT for other in found):
            break
        try:
            if explains(hypothesis.predict, scenes, name) and _count(hypothesis, scenes, name) > hypothesis.fitted:
                found.append(hypothesis)
        except DiffexploreError:
            continue
    return sorted(found, key=lambda hypothesis: hypothesis.rank)


def named(found: Sequence[Hypothesis], scenes: Sequence[Scene], name: str, *, scope: bool = True) -> Cause:
    """The simplest of several hypotheses as a cause, with another where nothing tells the two apart.

    ``scope`` False leaves to the caller to say at which inputs it holds.
    """
    best = found[0]
    others = [other for other in found[1:] if _rivals(best, other) or not alike(best, other, scenes, name)]
    certain = not others and _count(best, scenes, name, _CLEAR) >= _ENOUGH + best.fitted and _is_sharp(best)
    message = _message(best, scenes, name, scope)
    fields = {**best.fields, "certain": certain}
    if others:
        message += f"; or else {_message(others[0], scenes, name, scope)}"
        fields["or_else"] = others[0].key
    return Cause(best.key, message, fields)


def _message(hypothesis: Hypothesis, scenes: Sequence[Scene], name: str, scope: bool) -> str:
    where = _where(hypothesis, scenes, name) if hypothesis.scope and scope else ""
    shown = hypothesis.scope == "always" or where.startswith("where ")
    joined = ", " if where == EVERYWHERE else " "
    return f"{hypothesis.message}{joined + where if where and shown else ''}{hypothesis.why}"


def _where(hypothesis: Hypothesis, scenes: Sequence[Scene], name: str) -> str:
    """What the inputs had in common at which a hypothesis was seen to hold."""
    evidence = telling(hypothesis, scenes, name)
    points = {tuple(scene.point.items()) for scene in evidence}
    if not evidence or (len(points) < _ENOUGH and evidence[0].point):
        return "at this point"
    samples = [sample for scene in evidence for sample in scene.samples if len(scene.samples) == scene.n]
    columns = [column for column in (samples[0] if samples else ()) if column != UPSTREAM]
    values = {column: {sample[column] for sample in samples} for column in columns}
    fixed = [f"{column} = {min(known):g}" for column, known in values.items() if len(known) == 1]
    return f"where {' and '.join(fixed)}, the only value tried" if fixed else EVERYWHERE


def _count(hypothesis: Hypothesis, scenes: Sequence[Scene], name: str, margin: float = 1.0) -> int:
    """Numbers of calls with different inputs; by data, each sample's own one."""
    evidence = telling(hypothesis, scenes, name, margin)
    by_sample = bool(evidence) and evidence[0].by_sample(name)
    return len(evidence) if by_sample else len({_inputs(scene) for scene in evidence})


def _inputs(scene: Scene) -> Hashable:
    """What a call is given: one by a single sample alone is that of all samples where there is one."""
    return tuple(scene.point.items()), tuple(tuple(sample.items()) for sample in scene.samples)


def _is_sharp(best: Hypothesis) -> bool:
    """Whether a fitted number is known well enough that it is no accident that one fits."""
    number = next((best.fields[key] for key in ("coefficient", "deviation", "factor") if key in best.fields), 0.0)
    uncertainty = best.fields.get("uncertainty")
    return uncertainty is None or uncertainty <= _SHARP * abs(number)


def _rivals(best: Hypothesis, other: Hypothesis) -> bool:
    """Whether the two are different mistakes even where they give the same numbers in these scenes."""
    if best.key != other.key and {best.key, other.key} & _NONLINEAR:
        return True
    return bool(best.mistake and other.mistake) and best.mistake != other.mistake
