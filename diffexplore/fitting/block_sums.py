"""Sufficient sums of columns that are read a block at a time, by whichever process: the same bits for any number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import sympy
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.fitting.moments import BITS, Moments
from diffexplore.inputs.blocks import Blocks
from diffexplore.kernels.block_sums import BLOCK, Total, combine
from diffexplore.kernels.statistics import Statistics
from diffexplore.loss import Loss


def sums_in_blocks(moments: Moments, loss: Loss, columns: Mapping[str, Any], blocks: Blocks) -> dict[str, arb]:
    """An enclosure of each sum (or mean) over the samples, by the name of its symbol; the data are read once.

    They are added up about a centre, chosen from the first rows, which is then taken back exactly.
    """
    powers = dict.fromkeys(moments.exponents.values(), sympy.S.One)
    statistics = Statistics(loss, tuple(loss.symbols[name] for name in loss.data), powers)

    def rows(first: int, last: int) -> dict[str, np.ndarray]:
        return {name: np.asarray(columns[name][first:last]) for name in loss.data}

    centre = statistics.centre(rows(0, min(blocks.n, blocks.size, BLOCK)))
    accumulator = statistics.about(centre)
    record = combine(blocks.each(lambda first, last: accumulator.accumulate(rows(first, last))))
    with precision(BITS):
        about = {power: _as_arb(total) for power, total in accumulator.finish(record).items()}
        about[(0,) * len(loss.data)] = arb(blocks.n)
        found = {symbol.name: _moved(about, exponents, centre) for symbol, exponents in moments.exponents.items()}
        return {name: whole / blocks.n if loss.reduction == "mean" else whole for name, whole in found.items()}


def _moved(about: Mapping[tuple[int, ...], arb], exponents: Sequence[int], centre: Sequence[float]) -> arb:
    """A sum about 0 from those about a centre: x = (x − c) + c, multiplied out."""
    whole = arb(0)
    for lower in product(*(range(power + 1) if c else (power,) for power, c in zip(exponents, centre, strict=True))):
        shares = zip(exponents, lower, centre, strict=True)
        factor = arb(1)
        for power, less, c in shares:
            factor *= math.comb(power, less) * arb(c) ** (power - less)
        whole += factor * about[lower]
    return whole


def _as_arb(total: Total) -> arb:
    return arb(total.high) + arb(total.low) + arb(0, total.radius)
