"""Programs as JavaScript: what a page computes with, in doubles and without a library.

Every operation of a program is one of JavaScript's own, or a function of ``special.js`` in this folder; of these the
source holds what it needs and no more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files

from diffexplore.errors import UsageError
from diffexplore.functions import OPERATIONS as RECORDS
from diffexplore.functions.records import Helper, Lack
from diffexplore.program.program import Program, Step

#: How tightly an expression holds together, the loosest first.
_OR, _AND, _RELATION, _SUM, _PRODUCT, _SIGN, _ATOM = range(7)

_ARITHMETIC = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT}

_INFIX = {
    **{name: (one.javascript, _ARITHMETIC[one.javascript]) for name, one in RECORDS.items()
       if isinstance(one.javascript, str) and one.javascript in _ARITHMETIC and name != "neg"},
    "lt": ("<", _RELATION), "le": ("<=", _RELATION), "gt": (">", _RELATION), "ge": (">=", _RELATION),
    "eq": ("===", _RELATION), "ne": ("!==", _RELATION), "and": ("&&", _AND), "or": ("||", _OR),
}  # fmt: skip

_PREFIX = {"neg": "-", "not": "!"}

_CALLS = {
    name: one.javascript.name if isinstance(one.javascript, Helper) else one.javascript
    for name, one in RECORDS.items()
    if one.javascript not in _ARITHMETIC and not isinstance(one.javascript, Lack)
}

_HELPERS = [one.javascript for one in RECORDS.values() if isinstance(one.javascript, Helper)]

OPERATIONS = frozenset({*_INFIX, *_PREFIX, *_CALLS, "where", "full_like"})
"""The operations that can be written."""

#: Words that JavaScript keeps for itself, and names that an argument would hide.
_RESERVED = frozenset(
    "abstract arguments async await boolean break byte case catch char class const continue debugger default delete do "
    "double else enum eval export extends false final finally float for function goto if implements import in "
    "instanceof int interface let long native new null of package private protected public return short static super "
    "switch synchronized this throw throws transient true try typeof undefined var void volatile while with yield "
    "Math Number NaN Infinity Boolean Array Object".split()
)

_DEEPEST = 12  # a subexpression that is nested more deeply gets a name


def function(name: str, about: str, program: Program, width: int | None = None) -> str:
    """The source of a function of the program's inputs.

    It returns the only output where ``width`` is None; an array of all outputs where it is 0; else an array of rows,
    arrays of ``width`` outputs each.

    Raises:
        UsageError: for an operation that JavaScript has not.
    """
    return "\n".join(_Function(program).lines(name, about, width))


def helpers(source: str) -> list[str]:
    """The blocks of ``special.js`` that ``source`` uses, in their order there."""
    blocks = _blocks()
    needed, waiting = set[str](), [source]
    while waiting:
        words = set(re.findall(r"\w+", waiting.pop()))
        found = (words & blocks.keys()) - needed
        needed |= found
        waiting += [blocks[name] for name in found]
    return [block for name, block in blocks.items() if name in needed]


@cache
def _blocks() -> dict[str, str]:
    """The functions and constants of ``special.js`` and of the records, by name."""
    text = files("diffexplore.program").joinpath("special.js").read_text(encoding="utf-8")
    found = {match[1]: block for block in text.split("\n\n") if (match := re.match(r"(?:function|const) (\w+)", block))}
    return found | {helper.name: helper.source for helper in _HELPERS}


def argument_names(names: Sequence[str]) -> list[str]:
    """``names`` as arguments: one that would hide a word of the language or of the source has underscores appended."""
    hidden = _RESERVED | _blocks().keys()
    found: list[str] = []
    for name in names:
        while name in hidden or name in found or re.fullmatch(r"t\d+", name):
            name += "_"
        found.append(name)
    return found


def number(value: float) -> str:
    """A double as a literal that is read back exactly."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


class _Function:
    """Writes one program: what is used once stands where it is used, everything else gets a name."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._arguments = argument_names(program.inputs)
        self._uses = Counter(slot for step in program.steps for slot in step.arguments)
        self._uses.update(program.outputs)
        self._texts: list[tuple[str, int]] = [(name, _ATOM) for name in self._arguments]
        numbers = [number(constant.nearest) for constant in program.constants]
        self._texts += [(text, _SIGN if text.startswith("-") else _ATOM) for text in numbers]
        self._depths = [0] * len(self._texts)

    def lines(self, name: str, about: str, width: int | None) -> Iterator[str]:
        yield f"// {about}"
        yield f"function {name}({', '.join(self._arguments)}) {{"
        for slot, step in enumerate(self._program.steps, self._program.first_step):
            text, tightness = self._step(step)
            depth = 1 + max((self._depths[argument] for argument in step.arguments), default=0)
            if self._uses[slot] > 1 or depth > _DEEPEST:
                yield f"  const t{slot} = {text};"
                text, tightness, depth = f"t{slot}", _ATOM, 0
            self._texts.append((text, tightness))
            self._depths.append(depth)
        yield f"  return {self._returned(width)};"
        yield "}"

    def _returned(self, width: int | None) -> str:
        texts = [self._texts[slot][0] for slot in self._program.outputs]
        if width is None:
            return texts[0]
        rows = [texts[start : start + width] for start in range(0, len(texts), width)] if width else []
        return _array(map(_array, rows) if width else texts)

    def _step(self, step: Step) -> tuple[str, int]:
        operation, slots = step.operation, step.arguments
        if operation == "full_like":
            return self._texts[slots[1]]
        if operation == "where":
            condition, taken, otherwise = (self._at_least(slot, _SUM) for slot in slots)
            return f"({condition} ? {taken} : {otherwise})", _ATOM
        if operation in _INFIX:
            sign, tightness = _INFIX[operation]
            first = _SUM if tightness == _RELATION else tightness  # a < b < c is another thing
            left, right = self._at_least(slots[0], first), self._at_least(slots[1], tightness + 1)
            return f"{left}{sign}{right}" if tightness == _PRODUCT else f"{left} {sign} {right}", tightness
        if operation in _PREFIX:
            return f"{_PREFIX[operation]}{self._at_least(slots[0], _ATOM)}", _SIGN
        if operation in _CALLS:
            return f"{_CALLS[operation]}({', '.join(self._texts[slot][0] for slot in slots)})", _ATOM
        raise UsageError(f"JavaScript has no {operation}")

    def _at_least(self, slot: int, tightness: int) -> str:
        text, own = self._texts[slot]
        return text if own >= tightness else f"({text})"


def _array(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"
