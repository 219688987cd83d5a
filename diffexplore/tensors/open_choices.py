"""What the derivative may be off by where it is open which of several numbers an operation chooses.

Where max(a, b) chooses between numbers that the balls do not tell apart, its derivative, where it has one, is
λ·∂a + (1 − λ)·∂b with λ from 0 to 1 (F. H. Clarke, "Optimization and Nonsmooth Analysis", 1983): so ∂(a + b)/2, and as
much of ∂(a − b)/2 to either side. That difference vanishes where both are one function by two ways: r and
``r.clamp(0.8, 1.2)`` within the limits. So it is swept back for itself, in which the two ways meet again and cancel.

Each element has a choice of its own, with its own λ: their differences must not cancel each other. An element of a
cotangent therefore carries the number of the choice that it is of. Where broadcasting adds up those of several, each is
swept back alone, if they are few; elsewhere, and where an operation mixes elements, absolute values are added from
there on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diffexplore.arithmetic.around_zero import around_zero
from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.dual_balls import DualBall, add, tangent_of, value_of
from diffexplore.arithmetic.tensor_balls import chosen
from diffexplore.tensors.memory import State, StorageRegion, StridedLayout
from diffexplore.tensors.sweep_rules import SweepRules
from diffexplore.torch_ops.tensor_rules.operands import OpenDifference, Pullback

if TYPE_CHECKING:
    from diffexplore.tensors.sweep import TapeEntry

_ZERO = exact(0.0)

#: What is left of a sum, relative to its terms, where they cancel: rounding in double-double arithmetic.
_CANCELLED = 2.0**-64

#: Choices within what another choice is between are followed so deep, as long as the sweep's budget lasts.
_DEEPEST = 2

#: So many choices that share an operand are swept back one after the other.
_MOST_SHARING = 32

#: A tensor of a state, and what its cotangent may be off by: a ball around 0.
Left = tuple[StorageRegion, DoubleBall]


@dataclass(frozen=True, eq=False)
class _Pending:
    """The difference at a state so far (flat), of which choice each element is, and the sizes of what was added up."""

    state: State
    ball: DoubleBall
    choice: np.ndarray
    size: np.ndarray


class _Shared(Exception):
    """Several choices share an element of an operand; ``turn`` says by choice in which turn it can be alone there."""

    def __init__(self, turn: np.ndarray) -> None:
        self.turn = turn


def differences_left(
    entries: Sequence[TapeEntry],
    number: int,
    differences: Iterable[Sequence[OpenDifference | None]],
    rules: SweepRules,
    depth: int = 0,
) -> Iterator[Left]:
    """What is left of the ``differences`` of the cotangents of the operands of an entry, where they have met again."""
    for several in differences:
        try:
            yield from _Differences(entries, rules, depth, shares=False).swept(number, several)
        except _Shared as shared:
            for turn in range(int(shared.turn.max()) + 1):
                alone = [one and _of_choices(one, shared.turn == turn) for one in several]
                yield from _Differences(entries, rules, depth, shares=True).swept(number, alone)


def _of_choices(one: OpenDifference, taken: np.ndarray) -> OpenDifference | None:
    """The differences of some choices; what has no number is of the first turn."""
    if one.choice is None:
        return one if taken[0] else None
    there = taken[one.choice] & (one.choice != 0)
    return OpenDifference(chosen(there, one.ball, _ZERO), np.where(there, one.choice, 0))


class _Differences:
    """One sweep; ``shares`` says whether absolute values are added where choices share an element."""

    def __init__(self, entries: Sequence[TapeEntry], rules: SweepRules, depth: int, *, shares: bool) -> None:
        self._entries, self._rules, self._depth, self._shares = entries, rules, depth, shares
        self._pending: dict[int, _Pending] = {}
        self._passed: set[int] = set()
        self._left: list[Left] = []

    def swept(self, number: int, differences: Sequence[OpenDifference | None]) -> list[Left]:
        for operand, one in zip(self._entries[number].operands, differences, strict=True):
            if operand is not None and one is not None:
                self._give(operand, one.ball, one.choice)
        for place in reversed(range(number)):
            if len(self._passed) == len(self._pending):
                break
            entry = self._entries[place]
            found = [result for result in entry.results if result and id(result.state) in self._pending]
            for result in found:
                self._passed.add(id(result.state))
                self._settle(result.state)
            if found:
                self._pass(place, found)
        for key, held in self._pending.items():
            if key not in self._passed:
                self._settle(held.state)
                self._leave(_whole(held.state), self._pending[key].ball)
        return self._left

    def _give(self, place: StorageRegion, ball: DoubleBall, choice: np.ndarray | None) -> None:
        if not place.varies:
            return
        size = len(place.state.ball.high)
        places = place.layout.places(size).ravel()
        if choice is None or len(np.unique(places)) != len(places):
            self._leave(place, ball)
            return
        flat, of = place.layout.spread(self._rules.as_computed(ball), size), np.zeros(size, np.int64)
        of[places] = np.broadcast_to(choice, place.layout.shape).ravel()
        held = self._pending.get(id(place.state))
        if held is not None:
            clash = (held.choice != 0) & (of != 0) & (held.choice != of)
            if clash.any():
                self._leave(_whole(place.state), chosen(clash, flat, _ZERO))
                flat, of = chosen(clash, _ZERO, flat), np.where(clash, 0, of)
            of = np.where(held.choice != 0, held.choice, of)
        sizes = np.abs(flat.high) + (0.0 if held is None else held.size)
        flat = flat if held is None else add(held.ball, flat)
        self._pending[id(place.state)] = _Pending(place.state, flat, of, sizes)

    def _settle(self, state: State) -> None:
        """Leaves where it is what has cancelled; it need not be followed any further."""
        held = self._pending[id(state)]
        small = np.abs(held.ball.high) + np.abs(held.ball.low) + held.ball.radius <= _CANCELLED * held.size
        moves = isinstance(held.ball, DualBall) & (held.size == 0)  # what is 0 here may change
        done = small & ~moves & (held.choice != 0)
        if done.any():
            self._leave(_whole(state), chosen(done, held.ball, _ZERO), smooth=done)
            ball, of = chosen(done, _ZERO, held.ball), np.where(done, 0, held.choice)
            self._pending[id(state)] = _Pending(state, ball, of, held.size)

    def _pass(self, number: int, found: Sequence[StorageRegion]) -> None:
        entry, result = self._entries[number], found[0]
        held = self._pending[id(result.state)]
        of = result.layout.view(held.choice)
        if not of.any():
            return
        self._rules.budget.spend()
        ball = result.layout.read(held.ball)
        alone = len(found) == 1 and all(one is None or one is result for one in entry.results)
        if alone and entry.by_element:
            back = entry.pullback
            if entry.open_choices is not None and self._depth < _DEEPEST and self._rules.budget.is_left:
                back, inner = entry.open_choices.middle, entry.open_choices.differences([ball])
                left = differences_left(self._entries, number, inner, self._rules, self._depth + 1)
                self._left.extend(left)
            self._pass_by_element(entry, back, result, ball, of)
        elif alone and entry.moves:
            self._pass_moved(entry, ball, of)
        else:
            for place in found:
                self._leave(place, place.layout.read(self._pending[id(place.state)].ball))

    def _pass_by_element(
        self, entry: TapeEntry, pullback: Pullback, result: StorageRegion, ball: DoubleBall, of: np.ndarray
    ) -> None:
        shape = result.layout.shape
        stretched = [one for one in entry.operands if one is not None and one.varies and one.layout.shape != shape]
        if stretched and not self._shares:
            self._take_turns(stretched, shape, of)
        together = pullback([around_zero(ball)]) if stretched else None
        for number, (place, one) in enumerate(zip(entry.operands, pullback([ball]), strict=True)):
            if place is None or one is None:
                continue
            if place.layout.shape == shape:
                self._give(place, one, of)
            elif together is not None and (every := together[number]) is not None:
                self._give_stretched(place, one, every, of)

    def _take_turns(self, stretched: Sequence[StorageRegion], shape: tuple[int, ...], of: np.ndarray) -> None:
        """Raises :class:`_Shared` where broadcasting adds up a few choices."""
        along = [axis for axis in range(len(shape)) if any(not _keeps(one, shape, axis) for one in stretched)]
        lengths = [shape[axis] for axis in along]
        if 1 < int(np.prod(lengths)) <= _MOST_SHARING and len(np.unique(of[of != 0])) > 1:
            turn = np.zeros(int(of.max()) + 1, np.int64)
            index = np.indices(shape)
            turn[of] = np.ravel_multi_index([index[axis] for axis in along], lengths)
            raise _Shared(turn)

    def _give_stretched(self, place: StorageRegion, one: DoubleBall, every: DoubleBall, of: np.ndarray) -> None:
        """To an operand that was broadcast: it is of one choice where no two are added up."""
        shape = place.layout.shape
        added = of.ndim - len(shape)
        axes = (*range(added), *(added + axis for axis, n in enumerate(shape) if n != of.shape[added + axis]))
        count, choice = ((x.sum(axis=axes, keepdims=True).reshape(shape)) for x in (of != 0, of))
        if (count > 1).any():
            self._leave(place, chosen(count > 1, every, _ZERO))
        self._give(place, chosen(count > 1, _ZERO, one), np.where(count == 1, choice, 0))

    def _pass_moved(self, entry: TapeEntry, ball: DoubleBall, of: np.ndarray) -> None:
        counts, choices = (entry.pullback([exact(x.astype(np.float64))]) for x in (of != 0, of))
        back, together = entry.pullback([ball]), entry.pullback([around_zero(ball)])
        for place, one, every, count, choice in zip(entry.operands, back, together, counts, choices, strict=True):
            if place is None or one is None or every is None or count is None or choice is None:
                continue
            several = count.high > 1
            if several.any():
                self._leave(place, chosen(several, every, _ZERO))
            of_one = np.where(count.high == 1, choice.high, 0.0).astype(np.int64)
            self._give(place, chosen(several, _ZERO, one), of_one)

    def _leave(self, place: StorageRegion, ball: DoubleBall, smooth: np.ndarray | None = None) -> None:
        """``smooth`` says where the tangents of dual numbers may be compared: where no corner is left."""
        if place.varies and not np.all(value_of(ball).exactly_zero & tangent_of(ball).exactly_zero):
            ball = DualBall.of(value_of(ball), tangent_of(ball)) if isinstance(place.state.ball, DualBall) else ball
            self._left.append((place, around_zero(ball, np.array(True) if self._rules.as_chosen else smooth)))


def _keeps(place: StorageRegion, shape: tuple[int, ...], axis: int) -> bool:
    """Whether an operand has an axis of the result in its length."""
    own = axis - len(shape) + len(place.layout.shape)
    return own >= 0 and place.layout.shape[own] == shape[axis]


def _whole(state: State) -> StorageRegion:
    return StorageRegion(state, StridedLayout(0, (len(state.ball.high),), (1,)), True)
