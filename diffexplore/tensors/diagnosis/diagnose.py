"""From a wrong gradient to a named cause: the simplest hypothesis that explains every entry to within its bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.checking.broken_search import told
from diffexplore.checking.records import Cause
from diffexplore.numerals import distinct
from diffexplore.tensors.diagnosis import (
    accumulation,
    alternatives,
    arrangement,
    constants,
    cut_paths,
    exchanged,
    factors,
    limits,
    otherwise,
    paths_through_two,
    precision,
    reductions,
    regions,
    repeated,
    searched,
    slices,
    terms,
    upstream,
    wrong_slopes,
)
from diffexplore.tensors.diagnosis.hypothesis import Family, Mistake
from diffexplore.tensors.diagnosis.scene import GradientScene

#: The simplest first.
FAMILIES: tuple[Family, ...] = (
    factors.zero,
    factors.constant,
    precision.float32,
    factors.near_one,
    factors.signs,
    regions.mask_inverted,
    upstream.ignored,
    arrangement.swapped,
    arrangement.moved,
    accumulation.in_a_loop,
    cut_paths.cut,
    repeated.in_every_step,
    regions.explained,
    arrangement.permuted,
    slices.parts,
    factors.of_tensors,
    cut_paths.slopes,
    alternatives.of_operations,
    cut_paths.scaled,
    wrong_slopes.wrong_slopes,
    reductions.diagonal,
    accumulation.overwritten,
    accumulation.at_equal_indices,
    cut_paths.without_factor,
    limits.of_limits,
    exchanged.exchanged,
    searched.of_every_operand,
    paths_through_two.through_two,
    factors.clipped,
    arrangement.shifted,
    regions.regions,
    terms.multiples,
    reductions.along_another_axis,
    precision.half,
    terms.along_axes,
    otherwise.beside_roots,
    otherwise.without_numbers,
    otherwise.with_other_inputs,
    constants.wrong_constants,
)


#: What can be found of derivatives along directions, of which nobody knows the entries.
ALONG: tuple[Family, ...] = (factors.zero, factors.constant)


def cause(
    scenes: Sequence[GradientScene], families: Sequence[Family] = FAMILIES, known: list[Mistake] | None = None
) -> Cause:
    """Why the gradient is wrong; ``unexplained`` with its three worst entries where no hypothesis explains all.

    ``scenes`` are of the same output and input, one for each upstream gradient; at least one entry of them is wrong.
    ``known`` are mistakes that explain the gradients by other inputs, which are tried first; what is found is added.
    """
    telling = [scene for scene in scenes if scene.wrong.any()] or list(scenes)
    ordered = [telling[0], *(scene for scene in scenes if scene is not telling[0])]
    broken: Exception | None = None
    with np.errstate(all="ignore"):  # what a hypothesis makes of infinities and zeros explains nothing
        for family in (lambda _: iter(known or ()), *families):
            try:
                found = _explained_by(family, ordered)
            except Exception as error:  # of ours: the verdict stands, and other families may explain it
                broken = broken or error
                continue
            if found is None:
                continue
            if known is not None and found.of_forward and found not in known:
                known.append(found)
            return told(Cause(found.key, found.message, {**found.fields, "certain": True}), broken)
    return told(_worst(ordered[0]), broken)


def _explained_by(family: Family, scenes: Sequence[GradientScene]) -> Mistake | None:
    """The first hypothesis of a family that explains all scenes."""
    return next((hypothesis for hypothesis in family(scenes) if hypothesis.holds(scenes)), None)


def _worst(scene: GradientScene) -> Cause:
    with np.errstate(all="ignore"):
        error = np.where(scene.known, np.abs(scene.difference), 0.0)
    order = np.argsort(-error, axis=None)[:3]
    entries = []
    for place in order[error.reshape(-1)[order] > 0]:
        index = ", ".join(str(int(i)) for i in np.unravel_index(place, scene.shape))
        both = float(scene.value.reshape(-1)[place]), float(scene.exact.reshape(-1)[place])
        value, truth = distinct(both, range(6, 18))
        entries.append(f"{f'[{index}]' if index else 'it'} is {value}, not {truth}")
    wrong, total = int(scene.wrong.sum()), int(scene.known.sum())
    are = "entry is" if total == 1 else "entries are" if wrong > 1 else "entries is"
    message = f"no known cause explains the numbers: {wrong} of {total} {are} wrong; {'; '.join(entries)}"
    return Cause("unexplained", message, {"wrong": wrong, "certain": False})
