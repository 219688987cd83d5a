"""What is said of a text that is no formula: what is wrong, and where it can be told, the text to paste instead."""

from __future__ import annotations

from collections.abc import Callable, Collection

from diffexplore.errors import UsageError
from diffexplore.symbolic.from_latex import from_latex
from diffexplore.symbolic.juxtaposed import multiplied, with_bars
from diffexplore.symbolic.notation import encloses

#: A longer correction is no help in one line.
_LONGEST = 400

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
    better = multiplied(with_bars(plain), symbols)
    if better == plain or len(better) > _LONGEST or not reads(better):
        return error
    message = str(error)
    return UsageError(f"{message}, as in {better}" if "write '*'" in message else f"{message}: write it as {better}")


def _of_latex(error: UsageError, given: str, symbols: Collection[str], reads: Callable[[str], bool]) -> UsageError:
    try:
        better = _without_outer(" ".join(multiplied(with_bars(from_latex(given)), symbols).split()))
    except UsageError as reason:
        return UsageError(f"a formula is not LaTeX: {reason}") if "\\" in given else error
    if len(better) > _LONGEST or not reads(better):
        return UsageError(f"a formula is not LaTeX: {_EXAMPLE}") if "\\" in given else error
    return UsageError(f"a formula is not LaTeX: write it as {better}")


def _without_outer(text: str) -> str:
    """The text without parentheses around all of it."""
    while text.startswith("(") and text.endswith(")") and encloses(text[1:-1], "(", ")"):
        text = text[1:-1].strip()
    return text
