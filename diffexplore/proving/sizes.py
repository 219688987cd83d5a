"""What a proof needs of the number of samples, as mathematics has it: "N even", each condition once."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

_COMPARED = re.compile(r"^N (=|≠|<|≤|>|≥) (\d+)$")
_REMAINDER = re.compile(r"^Mod\(N, (\d+)\) (=|≠|<|≤|>|≥) (\d+)$")

_SIGNS: Mapping[str, Callable[[int, int], bool]] = {
    "=": operator.eq, "≠": operator.ne, "<": operator.lt, "≤": operator.le, ">": operator.gt, "≥": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class _Sizes:
    """Whole numbers N ≥ ``fewest``, up to ``most`` where that is given, with what else is said of them."""

    fewest: int = 1
    most: int | None = None
    without: frozenset[int] = frozenset()
    further: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        fewest, most, without = self.fewest, self.most, set(self.without)
        while fewest in without:
            without.discard(fewest)
            fewest += 1
        while most is not None and most in without:
            without.discard(most)
            most -= 1
        found = []
        if most == fewest:
            return (f"N = {fewest}", *self.further)
        found += [f"N ≥ {fewest}"] if fewest > 1 else []
        found += [f"N ≤ {most}"] if most is not None else []
        inside = sorted(one for one in without if one > fewest and (most is None or one < most))
        return (*found, *(f"N ≠ {one}" for one in inside), *self.further)


def sizes_of(conditions: Iterable[str]) -> tuple[str, ...]:
    """Conditions on N in words, without those that others imply; what is of another form stays as it is."""
    found = _Sizes()
    for text in conditions:
        found = _with(found, text)
    return tuple(dict.fromkeys(found.words()))


def _with(sizes: _Sizes, text: str) -> _Sizes:
    compared = _COMPARED.match(text)
    if compared is None:
        return replace(sizes, further=(*sizes.further, *_of_remainder(text)))
    sign, number = compared[1], int(compared[2])
    if sign == "≠":
        return replace(sizes, without=sizes.without | {number})
    low, high = {"=": (number, number), ">": (number + 1, None), "≥": (number, None)}.get(sign, (1, None))
    high = {"<": number - 1, "≤": number}.get(sign, high)
    most = [bound for bound in (sizes.most, high) if bound is not None]
    return replace(sizes, fewest=max(sizes.fewest, low or 1), most=min(most, default=None))


def _of_remainder(text: str) -> tuple[str, ...]:
    """What is said of N modulo a number."""
    found = _REMAINDER.match(text)
    if found is None:
        return (text,)
    modulus, sign, rest = int(found[1]), found[2], int(found[3])
    rests = [one for one in range(modulus) if _SIGNS[sign](one, rest)]
    if len(rests) == modulus:
        return ()
    if modulus == 2 and len(rests) == 1:
        return ("N odd" if rests == [1] else "N even",)
    if rests == [0]:
        return (f"N a multiple of {modulus}",)
    if rests == list(range(1, modulus)):
        return (f"N not a multiple of {modulus}",)
    listed = " or ".join(map(str, rests))
    return (f"N = {listed} modulo {modulus}",) if rests else (text,)
