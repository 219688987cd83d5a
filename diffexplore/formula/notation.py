"""Formulas as they are printed for people, in the characters of the language, and means as books write them.

What we show is read back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar, overload

from diffexplore.errors import UsageError

_Given = TypeVar("_Given")

_SIGNS = str.maketrans({"≤": "<=", "≥": ">=", "≠": "!=", "∧": " and ", "∨": " or ", "¬": " not "})
_FRACTIONS = {"½": "(1/2)", "⅓": "(1/3)", "⅔": "(2/3)", "¼": "(1/4)", "¾": "(3/4)", "⅛": "(1/8)"}
_FRACTION = re.compile(rf"(?<![\w.)])[{''.join(_FRACTIONS)}](?![\d.])")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_WORD = re.compile(rf"[^\W\d{_RAISED}][^\W{_RAISED}]*")
_ROOT = re.compile(r"√\s*(?=\()")
_BARE_ROOT = re.compile(rf"√\s*((?:[^\W{_RAISED}]|\.)+)(?!\w*\s*\()")
#: What reduces the samples of a batch to one number.
REDUCTIONS = ("mean", "sum")

_REDUCED = re.compile(rf"({'|'.join(REDUCTIONS)})\s*([\[(])(.*)([\])])", re.DOTALL)

_ENDS_VALUE = re.compile(rf"[\w.)\]{_RAISED}]")  # what a value ends with: after one of these, a bar closes
_WORDS_BEFORE_VALUES = ("and", "or", "not")

_CHOICES = ("where", "Piecewise")  # functions whose arguments hold conditions, in which a single = compares

_COUNT = r"(?:\(\s*(?P<factor>\d*)\s*\*?\s*[nNm]\s*\)|[nNm])"

_MEAN = re.compile(
    rf"(?P<sign>-?)\s*(?:1\s*/\s*{_COUNT}|\(\s*1\s*/\s*{_COUNT.replace('factor', 'inner')}\s*\))\s*\*?\s*"
    r"(?:sum|Σ|∑)(?:_\w+)?[ᵢⱼₖ]?\s*(?P<summand>\S.*)",
    re.DOTALL,
)


def plain(text: str) -> str:
    """``σ(w·x₁) + √2·|a|`` as ``sigmoid(w·x1) + sqrt(2)·abs(a)``; what is the formula language already stays.

    Raises UsageError for a root whose end is not clear.
    """
    if text.isascii() and "|" not in text and "=" not in text:
        return text
    text = _FRACTION.sub(lambda sign: _FRACTIONS[sign[0]], text.translate(_SIGNS))
    text = _WORD.sub(_spelled, text)
    text = _BARE_ROOT.sub(r"sqrt(\1)", _ROOT.sub("sqrt", text))
    if "√" in text:
        raise UsageError("write √(…) with parentheses for the root of more than a name or a number")
    return _compared(without_bars(text))


@overload
def reduction_of(text: str) -> tuple[str | None, str]: ...


@overload
def reduction_of(text: _Given) -> tuple[str | None, _Given | str]: ...


def reduction_of(text: object) -> tuple[str | None, object]:
    """``mean[…]`` or ``mean(…)`` as mean, and what is inside; a formula that says no reduction as it is."""
    found = _REDUCED.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or found[2] + found[4] not in ("[]", "()") or not encloses(found[3], found[2], found[4]):
        return None, text
    return found[1], found[3]


def encloses(inside: str, opening: str, closing: str) -> bool:
    """Whether no bracket within closes the outer one."""
    depth = 0
    for character in inside:
        depth += (character == opening) - (character == closing)
        if depth < 0:
            return False
    return depth == 0


def _spelled(word: re.Match[str]) -> str:
    """A name with its subscripts as digits; the names that formulas print for π and the logistic function."""
    name = word[0].translate(_SUBSCRIPTS)
    if name == "π":
        return "pi"
    called = word.string[word.end() :].lstrip()[:1] == "("
    return "sigmoid" if name == "σ" and called else name


def without_bars(text: str) -> str:
    """|x| as abs(x): a bar after a value closes, any other opens. Bars that do not pair stay what they are."""
    if "|" not in text:
        return text
    parts: list[str] = []
    opened, after_value, word = 0, False, ""
    for character in text:
        if character == "|":
            if after_value and not opened:
                return text
            opened += -1 if after_value else 1
            parts.append(")" if after_value else "abs(")
            word = ""
            continue
        parts.append(character)
        if character.isspace():
            after_value, word = after_value and word not in _WORDS_BEFORE_VALUES, ""
            continue
        after_value = _ENDS_VALUE.match(character) is not None
        word = word + character if character.isidentifier() else ""
    return "".join(parts) if not opened else text


def _compared(text: str) -> str:
    """A single = inside where(…) and Piecewise(…) as ==."""
    if "=" not in text:
        return text
    parts: list[str] = []
    inside: list[bool] = []
    for place, character in enumerate(text):
        if character == "(":
            called = re.search(r"(\w+)\s*$", text[max(place - 40, 0) : place])
            inside.append((bool(inside) and inside[-1]) or (called is not None and called[1] in _CHOICES))
        elif character == ")" and inside:
            inside.pop()
        alone = (
            character == "=" and text[place - 1 : place] not in ("<", ">", "!", "=") and text[place + 1 :][:1] != "="
        )
        parts.append("==" if alone and inside and inside[-1] else character)
    return "".join(parts)


def mean_in_words(text: str) -> tuple[str, Callable[[str], str]] | None:
    """The summand of a mean, and what makes the mean of it; None for other texts, and where a sum may end early."""
    found = _MEAN.fullmatch(text.strip())
    if found is None or has_terms(found["summand"]):
        return None
    factor, sign = found["factor"] or found["inner"], found["sign"]
    return found["summand"], lambda summand: f"mean({sign}{summand}{f'/{factor}' if factor else ''})"


def has_terms(text: str) -> bool:
    """Whether a text has several terms outside of parentheses."""
    depth, before = 0, "("
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character in "+-" and depth == 0 and before not in "(*/^":
            return True
        before = before if character.isspace() else character
    return False
