"""What is stated of a text that is no formula: what is wrong, and where it can be decided, the text to paste instead.

Products without their sign, ``2x``, ``a x``, ``2(x + 1)`` or ``2|x|``, are written with it. Formulas are not read so:
``a(x)`` may be a function, and ``ax`` is a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from diffexplore.errors import UsageError
from diffexplore.formula.from_latex import from_latex
from diffexplore.formula.names import WORDS, is_likely_data
from diffexplore.formula.notation import encloses, mean_in_words, reduction_of
from diffexplore.functions import FUNCTIONS

#: A name of so few letters before a parenthesis is rather a symbol to be multiplied.
SHORT = 2

_MOST_LETTERS = 4  # a name of more letters is none that somebody wrote for their product

#: Signs that bind tighter than what separates two terms: after ``sin x`` they leave open where its argument ends.
_TIGHTER = ("*", "/", "^", "!")

_NAME = re.compile(r"(?<![\w.])[^\W\d_]{2,}(?!\w)")
_POWER_OF_FUNCTION = re.compile(r"(?<!\w)([^\W\d]\w*)\s*\*\*\s*\(?(\d+)(?![\d.])\)?\s*(?=[(\w])")
_TOKEN = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[^\W\d]\w*|\s+|.", re.DOTALL)

_LONGEST = 200  # characters of all readings together: longer ones are no help in one line

_SUM = re.compile(r"(?<!\w)(?:sum|mean|Σ|∑)(?!\w)")

_WHOLE_POWER = re.compile(r"\*\*\((\d+)\)")

_LAMBDA = re.compile(r"\blambda\b")  # λ is a word of Python in its spelling, and a symbol only where it is declared

_EXAMPLE = "write (a*x - y)**2/2 for \\frac{(a x - y)^2}{2}"


def with_bars(text: str) -> str:
    """The text with the bars that are left in it as abs(…), each second one closing."""
    pieces = text.split("|")
    if len(pieces) % 2 == 0:
        return text
    return "".join(f"abs({piece})" if place % 2 else piece for place, piece in enumerate(pieces))


def readings(text: str, symbols: Collection[str] = ()) -> tuple[str, ...]:
    """The text with ``*`` between values that stand side by side; both meanings of ``1/2 x``; none where it is unclear.

    ``symbols`` are names that are declared, and multiply a parenthesis.
    """
    parts = _with_products(text, symbols)
    if parts is None:
        return ()
    product = "".join(parts)
    below = "".join(_below_fractions(parts))
    return (product,) if below == product else (product, below)


class _Product(str):
    """A ``*`` that the text did not have."""


def _with_products(text: str, symbols: Collection[str]) -> list[str] | None:
    """The tokens, with their products; None where an argument may end at several places, as in ``sin 2x``."""
    parts: list[str] = []
    before, space, bare = "", "", False
    for token in _TOKEN.findall(text):
        if token.isspace():
            space = token
            continue
        begins = token == "(" or _is_value(token)
        if bare and (begins or token in _TIGHTER):
            return None
        takes_one = before in FUNCTIONS and FUNCTIONS[before].accepts(1)
        bare = takes_one and _is_value(token) and token not in FUNCTIONS  # as in ``sin x``
        if bare:
            parts += ["(", token, ")"]
            before, space = ")", ""
            continue
        if before and (before == ")" or _is_value(before)) and begins and not _is_call(before, token, symbols):
            if _is_number(before) and _is_number(token):
                return [text]  # 1.5.2 and 1 000 are no products
            parts.append(_Product("*"))
        else:
            parts.append(space)
        parts.append(token)
        before, space = token, ""
    return parts


def _below_fractions(parts: list[str]) -> list[str]:
    """The tokens with products that follow a ``/`` without a sign in parentheses: 1/2*x as 1/(2*x)."""
    parts = [part for part in parts if part]
    found = list(parts)
    for place in reversed([i for i, part in enumerate(parts) if part == "/"]):
        end, has_product = _past_factor(found, place + 1), False
        while end < len(found) and isinstance(found[end], _Product):
            end, has_product = _past_factor(found, end + 1), True
        if has_product:
            found[place + 1 : end] = ["(", *found[place + 1 : end], ")"]
    return found


def _past_factor(parts: list[str], place: int) -> int:
    """Where a factor ends: a number, a name, a call or a parenthesis, with its powers."""
    while place < len(parts) and (parts[place].isspace() or parts[place] in "+-"):
        place += 1
    if place < len(parts) and parts[place] != "(":
        place += 1
    if place < len(parts) and parts[place] == "(":
        place = _past_bracket(parts, place)
    if "".join(parts[place : place + 2]) == "**" and not isinstance(parts[place], _Product):
        return _past_factor(parts, place + 2)
    return place


def _past_bracket(parts: Sequence[str], place: int) -> int:
    """Where the bracket ends that opens at a place; the end of all, where it is not closed."""
    depth = 0
    for end in range(place, len(parts)):
        depth += (parts[end] == "(") - (parts[end] == ")")
        if depth == 0:
            return end + 1
    return len(parts)


def with_powers_behind(text: str, symbols: Collection[str] = ()) -> str:
    """``sin**2(x)``, as sin²(x) is written in books, as ``sin(x)**2``."""
    found = _POWER_OF_FUNCTION.search(text)
    while found is not None:
        name, end = found[1], found.end()
        if name not in symbols and name in FUNCTIONS and FUNCTIONS[name].accepts(1):
            if text[end] == "(":
                close = _past_bracket(text, end)
                argument = text[end:close]
            else:
                word = re.match(r"[\w.]+", text[end:])
                close = end + (len(word[0]) if word else 0)
                argument, after = f"({text[end:close]})", text[close:].lstrip()[:1]
                if after.isalnum() or after in (*_TIGHTER, "("):
                    return text
            text = f"{text[: found.start()]}{name}{argument}**{found[2]}{text[close:]}"
        found = _POWER_OF_FUNCTION.search(text, end)
    return text


def split_names(text: str, symbols: Collection[str]) -> str:
    """Names that are written as products of letters, ``ax`` where a is declared, with their signs."""

    def spelled(match: re.Match[str]) -> str:
        name = match[0]
        called = text[match.end() :].lstrip()[:1] == "("
        if name in symbols or name in FUNCTIONS or name in WORDS or called or len(name) > _MOST_LETTERS:
            return name
        letters = [letter for letter in name if letter in symbols or is_likely_data(letter)]
        return "*".join(letters) if len(letters) == len(name) and set(letters) & set(symbols) else name

    return _NAME.sub(spelled, text)


def _is_value(token: str) -> bool:
    return _is_number(token) or (token.isidentifier() and token not in WORDS)


def _is_call(name: str, token: str, symbols: Collection[str]) -> bool:
    """Whether a name before a parenthesis is a function, a known or a mistyped one."""
    if token != "(" or not name.isidentifier():
        return False
    return name in FUNCTIONS or (len(name) > SHORT and name not in symbols)


def _is_number(token: str) -> bool:
    return token[0].isdigit() or (token[0] == "." and len(token) > 1)


def with_correction(
    error: UsageError, given: str, plain: str, symbols: Collection[str], reads: Callable[[str], bool]
) -> UsageError:
    """The error with the text that is probably meant.

    ``given`` is the text as it was given, ``plain`` in the signs of the language; ``reads`` tells whether a text is a
    formula.
    """
    if "\\" in given or "{" in given:
        return _of_latex(error, given, symbols, reads)
    better = _readings(plain, symbols, reads)
    if not better or plain in better:
        return error
    message = str(error)
    if "write '*'" in message:
        return UsageError(f"{message}, as in {' or '.join(better)}")
    return UsageError(f"{message.partition(': write ')[0]}: {_written(better)}")


def _readings(text: str, symbols: Collection[str], reads: Callable[[str], bool]) -> list[str]:
    """What a text probably means as a formula: two meanings, where it has two."""
    text = with_powers_behind(with_bars(text), symbols)
    mean_of: Callable[[str], str] = str
    if found := mean_in_words(text):
        text, mean_of = found
    if _SUM.search(text):  # how far it reaches is not clear
        return []
    products = [_tidy(mean_of(split_names(each, symbols))) for each in readings(text, symbols)]
    if sum(map(len, products)) > _LONGEST:
        return []
    return [each for each in products if reads(each)]


def _of_latex(error: UsageError, given: str, symbols: Collection[str], reads: Callable[[str], bool]) -> UsageError:
    try:
        text = from_latex(given)
        text = text if "lambda" in symbols else _LAMBDA.sub("lambda_", text)
        reduction, summand = reduction_of(text)
        better = [f"{reduction}({each})" if reduction else each for each in _readings(summand, symbols, reads)]
    except UsageError as reason:
        return reason if "\\" in given else error
    if not better:
        return UsageError(f"a formula is not LaTeX: {_EXAMPLE}") if "\\" in given else error
    return UsageError(f"a formula is not LaTeX: {_written(better)}")


def _written(better: Sequence[str]) -> str:
    return f"write it as {', or as '.join(better)}"


def _tidy(text: str) -> str:
    """The text with single spaces, and without parentheses around a whole power or all of it."""
    text = _WHOLE_POWER.sub(r"**\1", " ".join(text.split()))
    while text.startswith("(") and text.endswith(")") and encloses(text[1:-1], "(", ")"):
        text = text[1:-1].strip()
    return text
