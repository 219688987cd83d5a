"""Means as books write them, ``1/(2N) Σ (a x - y)²``: their summand, and how it is written in the formula language."""

from __future__ import annotations

import re
from collections.abc import Callable

_COUNT = r"(?:\(\s*(?P<factor>\d*)\s*\*?\s*[nNm]\s*\)|[nNm])"
_MEAN = re.compile(
    rf"(?P<sign>-?)\s*(?:1\s*/\s*{_COUNT}|\(\s*1\s*/\s*{_COUNT.replace('factor', 'inner')}\s*\))\s*\*?\s*"
    r"(?:sum|Σ|∑)(?:_\w+)?[ᵢⱼₖ]?\s*(?P<summand>\S.*)",
    re.DOTALL,
)


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
