"""Formula text → a checked syntax tree. The text is never evaluated, and SymPy is not needed.

Python's own grammar is used, through ``ast``; a white list of node types is let through, everything else is one
clear :class:`~diffexplore.errors.UsageError`. Length, nesting and the size of numbers are bounded before and
while the text is read, so that hostile text is refused at once.
"""

from __future__ import annotations

import ast
import keyword
import re
import threading
import warnings
from collections.abc import Callable, Collection
from fractions import Fraction

from diffexplore.errors import UsageError
from diffexplore.formula.corrections import with_correction
from diffexplore.formula.effort import check_effort
from diffexplore.formula.grammar import MAX_DEPTH, check_condition, check_formula, too_deep
from diffexplore.formula.names import MAX_NAME, WORDS, is_symbol, mark_symbols, shown, with_words
from diffexplore.formula.notation import plain as in_plain_signs
from diffexplore.formula.notation import reduction_of
from diffexplore.formula.with_definitions import split, written_out

MAX_LENGTH = 10_000
MAX_DIGITS = 400

_SIGNS = str.maketrans({"−": "-", "·": "*", "×": "*", "÷": "/", "\n": " ", "\r": " ", "\t": " ", "\u00a0": " "})
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = re.compile("⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LONG_NUMBER = re.compile(rf"[0-9_]{{{MAX_DIGITS + 1}}}")
_READING = threading.RLock()
"""Held while Python reads: before 3.11.8 and 3.12.2 it counts the nesting of a tree once for all threads, and raises
SystemError where another thread has read at the same time (https://github.com/python/cpython/issues/106905)."""

_LONG_NAME = re.compile(rf"[^\W\d]\w{{{MAX_NAME}}}")


def read(text: str, *, condition: bool = False, symbols: Collection[str] = ()) -> ast.expr:
    """The checked tree of a formula, or of a condition such as ``s > 0 and x != 0``.

    The value of a decimal in the tree is a :class:`~fractions.Fraction`: 0.1 is 1/10.

    Args:
        text: at most 10,000 characters; ``^`` and ``**`` are powers, and what we print for people is
            understood: ``·``, ``−``, ``²``, ``√``, ``|x|``, ``σ(x)``, ``≤`` (:mod:`diffexplore.formula.notation`),
            and definitions behind it (:mod:`diffexplore.formula.with_definitions`).
        condition: whether the text is a condition.
        symbols: names that are declared: they are symbols wherever they are not called, ``gamma`` and ``E``, too.

    Raises:
        UsageError: for everything that is not a formula, saying what is wrong in one line.
    """
    try:
        return _read(text, condition=condition, symbols=symbols)
    except RecursionError:  # a caller that is deep in its own functions
        raise too_deep() from None


def _read(text: str, *, condition: bool, symbols: Collection[str]) -> ast.expr:
    if not isinstance(text, str):
        raise UsageError(f"a formula must be text, not {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise UsageError(f"the formula has {len(text):,} characters; at most {MAX_LENGTH:,} are read")
    if "\\" in text:
        raise with_correction(UsageError("a formula has no backslashes"), text, text, symbols, _reads(symbols))
    formula, definitions = split(_normalised(text), symbols)
    tree = _exact(formula, condition=condition, symbols=symbols)
    if definitions:
        tree = written_out(tree, {name: _exact(one, symbols=symbols) for name, one in definitions.items()})
        (check_condition if condition else check_formula)(tree)
    check_effort(tree)
    return tree


def _exact(plain: str, *, condition: bool = False, symbols: Collection[str]) -> ast.expr:
    """The checked tree of a text without definitions, with the exact values of decimals."""
    text = with_words(plain, symbols)
    try:
        tree = _checked(text, condition=condition, symbols=symbols)
    except UsageError as error:
        raise with_correction(error, text, plain, symbols, _reads(symbols, condition=condition)) from None
    _make_decimals_exact(tree, text.encode())
    return tree


def _checked(text: str, *, condition: bool, symbols: Collection[str]) -> ast.expr:
    tree = parsed(text)
    mark_symbols(tree, symbols)
    (check_condition if condition else check_formula)(tree)
    return tree


def _reads(symbols: Collection[str], *, condition: bool = False) -> Callable[[str], bool]:
    """Tells whether a text is a formula in syntax."""

    def reads(text: str) -> bool:
        try:
            inside = _normalised(reduction_of(text)[1])
            _checked(with_words(inside, symbols), condition=condition, symbols=symbols)
        except UsageError:
            return False
        return True

    return reads


def names_of(tree: ast.expr) -> tuple[str, ...]:
    """The symbols of a checked tree, in order of first appearance."""
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and is_symbol(node))
    return tuple(dict.fromkeys(node.id for node in sorted(names, key=lambda node: node.col_offset)))


def _normalised(text: str) -> str:
    """The text in ASCII operators on one line, refused where it is too deep to be read."""
    text = in_plain_signs(text.translate(_SIGNS).strip())
    text = _SUPERSCRIPT.sub(lambda match: f"**({match[0].translate(_SUPERSCRIPTS)})", text).replace("^", "**")
    if not text:
        raise UsageError("the formula is empty")
    for character, what in (("#", "comments"), ("\0", "null characters"), (";", "';'")):
        if character in text:
            raise UsageError(f"a formula has no {what}")
    _check_extent(text)
    return text


def _check_extent(text: str) -> None:
    """Refuse what would make Python's own parser deep or slow."""
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise too_deep()
    if _LONG_NUMBER.search(text):
        raise UsageError(f"a number has more than {MAX_DIGITS} digits")
    if found := _LONG_NAME.search(text):
        raise UsageError(f"the name {shown(found[0])} is longer than {MAX_NAME} characters")


def parsed(text: str) -> ast.expr:
    """The tree of one line by Python's grammar, not yet checked; raises UsageError where there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about 2(x + 1); the checker refuses it in plain words
            with _READING:
                return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(text, error) from None
    except (RecursionError, MemoryError):
        raise too_deep() from None
    except ValueError as error:
        raise UsageError(f"cannot read the formula: {error}") from None


def _make_decimals_exact(tree: ast.expr, source: bytes) -> None:
    """Put the exact value of every decimal of the one-line ``source`` in the place of its double."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            literal = source[node.col_offset : node.end_col_offset].decode().replace("_", "")
            exponent = re.search(r"[eE]([+-]?\d+)$", literal)
            if exponent and abs(int(exponent[1])) > MAX_DIGITS:
                raise UsageError(f"the number {literal} is beyond 1e±{MAX_DIGITS}")
            node.value = Fraction(literal)  # type: ignore[assignment]


def _syntax_error(text: str, error: SyntaxError) -> UsageError:
    if "too many nested" in str(error.msg):
        return too_deep()
    if re.search(r"(?<![<>=!])=(?!=)", text):
        return UsageError("a formula has no '=': give the right-hand side alone")
    for word in re.findall(r"[^\W\d]\w*", text):
        if keyword.iskeyword(word) and word not in WORDS:
            return UsageError(
                f"{word!r} is a word of Python: declare it as a parameter or as data where it is a symbol, or write "
                f"'{word}_'"
            )
    if "never closed" in error.msg or "parenthesis" in error.msg or "unmatched" in error.msg:
        return UsageError(f"cannot read the formula: {error.msg}")
    start = (error.offset or 0) - 1
    if not 0 <= start < len(text):
        return UsageError(f"cannot read the formula: it ends too early, after {shown(text[-20:])}")
    if re.match(r"\d\s*[^\W\d]", text[start:]) or re.match(r"[\d.]+[^\W\d]", text[max(start - 1, 0) :]):
        return UsageError(f"cannot read the formula near {shown(text[start : start + 12])}: write '*' to multiply")
    return UsageError(f"cannot read the formula near {shown(text[start : start + 20])} (character {start + 1})")
