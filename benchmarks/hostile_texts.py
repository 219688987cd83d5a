"""Figure: no formula text is executed, takes long, or ends in anything but a loss or one line.

    python -m benchmarks.hostile_texts [--cases 1000000] [--first 0] [--seed 0] [--jobs 2] [--json FILE] [--show 20]

A text is one of the formulas of the other sweeps after one to four changes: characters deleted, doubled or replaced
(by other alphabets, too), parts exchanged with other formulas, a part nested up to 200 times in functions, powers,
signs or parentheses, towers of powers, sums and products of thousands of operands, long numbers, conditions within
conditions, pieces of Python. It is read as a summand whose symbols are all parameters, and, where it compares, as a
condition of a domain. *Slow* is what takes more than a second of processor time. That nothing is executed is seen by
an audit hook: Python raises an event for each piece of code, process, socket or file that is opened for writing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache

from benchmarks._hostile import Ends, ends_of, is_net, listen, sweep
from benchmarks.textbook_formulas import FORMULAS
from diffexplore import losses
from diffexplore.errors import UsageError
from diffexplore.formula.parse import names_in, parse_condition
from diffexplore.functions import TABLE
from diffexplore.loss import Loss

_LONGEST_SHOWN = 3000
_LONGEST_PART = 100_000
"""What is written 3,000 times is cut here, so that it fits in memory."""

_CONDITIONS = (
    "where(x > 0, {0}, {1})", "where({0} > {1}, 1, 2)", "where({0} == {1} or {1} != 0, {0}, y)",
    "where(not ({0} <= 1 and y < {1}), {0}, 0)", "Piecewise(({0}, x > {1}), ({1}, y == 1), (0, True))",
    "where(where({0} > 1, x, y) > {1}, {0}, {1})", "({0})**where({1} < 1, 1e10, y)", "where({0}, {1}, 0)",
)  # fmt: skip

_PYTHON = (
    "__import__('os').system('true')", "().__class__.__bases__", "(lambda: 1)()", "[x for x in (1, 2)]", "exec('1')",
    "open('/tmp/hostile', 'w')", "f'{x}'", "x if y else z", "(x := 3)", "globals()", "print(x)", "x.real", "yield",
    "await x", "*x", "**x", "'x'*10**9", "eval('2')", "0x1F", "0b11", "1_0_0", "1e5j", "...", "None", "True", "lambda",
)  # fmt: skip

_LETTERS = (
    "αβγλμσωΩℓ𝐱ﬁＡｘ٣⁵²⁻½∞√∂·×÷−–“”\u200b\u202e\u00a0\x00\x1b\t\n\r;#\\@$?!~`'\"[]{}()<>=,.:|&^%*/+-0123456789eEjJ_"
)

_NUMBERS = ("1e400", "1e-400", "9" * 400, "0." + "0" * 390 + "1", "1e10", "10**300", "1e308", "0", "-1", "2.5", "1/3",
            "1_000", "00012", "1e", "1e5e5", ".5.", "0.1", "3", "1e999999999999", "7" * 5000)  # fmt: skip


def texts(seed: int, index: int, count: int) -> Iterator[str]:
    """``count`` texts, which depend on the seed and the index alone."""
    rng = random.Random(f"hostile {seed} {index}")
    for _ in range(count):
        text = rng.choice(_SEEDS)
        for _ in range(rng.randint(1, 4)):
            text = rng.choice(_CHANGES)(text, rng)
        yield text[:20_000]


_SEEDS = tuple(formula.text for formula in FORMULAS) + tuple(losses.get(name).formula for name in losses.names())


def _deleted(text: str, rng: random.Random) -> str:
    start, end = sorted(rng.choices(range(len(text) + 1), k=2))
    return text[:start] + text[min(end, start + 4) :]


def _inserted(text: str, rng: random.Random) -> str:
    place = rng.randint(0, len(text))
    return text[:place] + "".join(rng.choices(_LETTERS, k=rng.randint(1, 3))) + text[place:]


def _replaced(text: str, rng: random.Random) -> str:
    place = rng.randint(0, len(text))
    return text[:place] + rng.choice(_LETTERS) + text[place + 1 :]


def _doubled(text: str, rng: random.Random) -> str:
    start, end = sorted(rng.choices(range(len(text) + 1), k=2))
    return text[:end] + text[start:end] * rng.choice((1, 2, 10, 100)) + text[end:]


def _spliced(text: str, rng: random.Random) -> str:
    other = rng.choice(_SEEDS)
    return text[: rng.randint(0, len(text))] + other[rng.randint(0, len(other)) :]


def _joined(text: str, rng: random.Random) -> str:
    return f"({text}){rng.choice(('+', '-', '*', '/', '**', '^', ' ', ',', ' < ', ' and '))}({rng.choice(_SEEDS)})"


def _tower(text: str, rng: random.Random) -> str:
    bases = rng.choices(
        (f"({text[:_LONGEST_PART]})", "x", "2", "9", "0.5", "y", "(x+1)", "1e5", "where(x<1,2,y)"), k=rng.randint(2, 12)
    )
    return "**".join(bases * rng.choice((1, 1, 1, 5)))


def _nested(text: str, rng: random.Random) -> str:
    wraps = rng.choices(_WRAPS, k=rng.choice((1, 1, 2, 3)))
    for level in range(rng.choice((3, 10, 20, 50, 100, 200))):
        text = wraps[level % len(wraps)].format(text)
        if len(text) > 12_000:
            break
    return text


def _wide(text: str, rng: random.Random) -> str:
    count = rng.choice((10, 100, 500, 3000))
    part = rng.choice(
        (f"({text[:_LONGEST_PART]})", "x", "y*x", "sin(x)", "sqrt(2)", "x**y", "abs(x-{i}*y)", "{i}*x", "x>{i}")
    )
    many = [part.replace("{i}", str(i)) for i in range(count)]
    around, between = rng.choice(_ROWS)
    return around.format(between.join(many[:2] if "hypot" in around else many))


_ROWS = (
    ("{}", "+"), ("{}", "*"), ("{}", "-"), ("max({})", ","), ("min({})", ","), ("{}", "/"),
    ("where({}, x, y)", " and "), ("where({}, 1, 2)", "+"), ("where({}, x, y)", " or "), ("hypot({})", ","),
)  # fmt: skip


def _number(text: str, rng: random.Random) -> str:
    digits = [i for i, character in enumerate(text) if character.isdigit()]
    place = rng.choice(digits) if digits else 0
    return text[:place] + rng.choice(_NUMBERS) + text[place + 1 :]


def _conditional(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 2, 5))):
        text = rng.choice(_CONDITIONS).format(text, rng.choice((*_SEEDS, text)))
        if len(text) > 12_000:
            break
    return text


def _compared(text: str, rng: random.Random) -> str:
    """A condition."""
    other = rng.choice((*_SEEDS, text, "0", "x"))
    text = f"{text} {rng.choice(('>', '<=', '==', '!=', '>', '<'))} {other}"
    for _ in range(rng.choice((0, 1, 1, 5, 20, 150))):
        text = rng.choice(
            ("{0} and x > 1", "not ({0})", "not {0}", "({0}) or x < y", "{0} or {0}", "{0} and y != 2")
        ).format(text)
        if len(text) > 12_000:
            break
    return text


def _pythonic(text: str, rng: random.Random) -> str:
    place = rng.randint(0, len(text))
    return text[:place] + rng.choice(_PYTHON) + text[place:]


_WRAPS = (
    *(f"{entry.name}({{0}})" for entry in TABLE if entry.least == 1 and entry.name != "Piecewise"),
    *(f"{entry.name}(x+{{0}})" for entry in TABLE if entry.least == 1 and entry.name != "Piecewise"),
    "max(x,{0})", "min({0},y)", "({0})**2", "({0})**2.5", "({0}+1)**0.5", "2**({0})", "1/(x+{0})", "-({0})", "({0})",
    "y*(x+{0})", "hypot({0},y)", "atan2({0},x)", "polygamma(2,{0})", "where({0}>0,x,y)", "where(x>0,{0},y)",
    "({0})**y", "x**({0})", "x**0.5**({0})", "(({0}))", "Piecewise(({0},x>0),(y,True))", "-{0}", "not {0}",
    "(x*({0}))**(1/3)", "({0})*(x+1)", "[{0}]",
)  # fmt: skip

_CHANGES: tuple[Callable[[str, random.Random], str], ...] = (
    _deleted, _inserted, _replaced, _doubled, _spliced, _joined, _tower, _nested, _wide, _number, _conditional,
    _compared, _pythonic,
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- reading
def read_text(text: str) -> None:
    """The loss of a text, or the condition of a domain where it compares outside all parentheses."""
    try:
        Loss(text, parameters=names_in(text))
    except UsageError as error:
        if is_net(error) or not any(sign in text for sign in "<>="):
            raise
        parse_condition(text)


@cache
def warm_up() -> None:
    """Have SymPy import what it imports when that is first needed."""
    for text in (*_SEEDS, "where(sinh(x + sqrt(y)) > 1, x**y, max(x, y, abs(x))) + cosh(sqrt(x + 1))**0.5"):
        read_text(text)


def work(task: tuple[int, int, int]) -> Ends:
    """How the texts of one task end."""
    warm_up()
    listen()
    return ends_of((text, read_text, f"{text!r:.{_LONGEST_SHOWN}}") for text in texts(*task))


if __name__ == "__main__":
    raise SystemExit(sweep(__doc__, "texts", 1_000_000, work))
