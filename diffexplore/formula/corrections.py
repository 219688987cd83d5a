"""What is said of a text that is no formula: what is wrong, and where it can be told, the text to paste instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from diffexplore.errors import UsageError
from diffexplore.formula.from_latex import from_latex
from diffexplore.formula.juxtaposed import readings, split_names, with_bars, with_powers_behind
from diffexplore.formula.notation import encloses, mean_in_words, reduction_of

#: Characters of all readings together: longer ones are no help in one line.
_LONGEST = 200

_SUM = re.compile(r"(?<!\w)(?:sum|mean|Σ|∑)(?!\w)")
_WHOLE_POWER = re.compile(r"\*\*\((\d+)\)")
#: λ is a word of Python in its spelling, and a symbol only where it is declared.
_LAMBDA = re.compile(r"\blambda\b")

_EXAMPLE = "write (a*x - y)**2/2 for \\frac{(a x - y)^2}{2}"


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
        said, summand = reduction_of(text)
        better = [f"{said}({each})" if said else each for each in _readings(summand, symbols, reads)]
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
