"""All hypotheses, in one list: a family is one function that yields them for a partial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from diffexplore.checking.records import VALUE
from diffexplore.verifying.diagnosis import (
    arguments,
    constants,
    edits,
    factors,
    library,
    multiples,
    places,
    powers,
    reductions,
    samples,
    shapes,
    terms,
)  # fmt: skip
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis
from diffexplore.verifying.diagnosis.scene import Scene, SceneUnavailable

Family = Callable[[str, Sequence[Scene]], Iterator[Hypothesis]]

#: Those that make sense of a loss's value as well as of a partial.
_OF_NUMBERS: tuple[Family, ...] = (
    library.conventions, factors.zero, factors.factors, factors.sizes, factors.fitted, constants.wrong_constants,
    powers.powers_within, arguments.wrong_arguments, samples.squashed, shapes.all_pairs,
)  # fmt: skip

#: Those that need a partial.
_OF_PARTIALS: tuple[Family, ...] = (
    shapes.transposed, samples.swapped, samples.clipped_samples, samples.norm_clipped, samples.upstream_ignored,
    terms.cut_paths, terms.missing, terms.wrong_powers, shapes.wrong_axis, samples.reordered, samples.left_out,
    places.wrong_places, reductions.reductions, terms.extra, multiples.multiples,
)  # fmt: skip

#: Those that are sought where none of the others holds: they have so many numbers that some often fit as well.
_LAST: tuple[Family, ...] = (edits.edits, edits.added)


def hypotheses(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """Every hypothesis for one partial (or for the loss's value)."""
    families = (*_OF_NUMBERS, *(() if name == VALUE else _OF_PARTIALS), *_LAST)
    for family in families:
        with suppress(SceneUnavailable):
            yield from family(name, scenes)
