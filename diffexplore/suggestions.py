"""Which known name a mistyped one means: one measure of nearness for every command and every argument."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Names are near where this part of the characters of both is shared, in order (the ratio of Ratcliff and Obershelp).
NEAR = 2 / 3

#: What the field also calls things; each stands for the right name wherever that is among the choices.
OTHER_NAMES = {
    "gpu": "cuda", "double": "float64", "float": "float32", "single": "float32", "half": "float16", "average": "mean",
    "avg": "mean", "total": "sum", "fabs": "abs", "maximum": "max", "minimum": "min", "power": "pow", "tgamma": "gamma",
    "gammaln": "lgamma", "psi": "digamma", "step": "heaviside", "ternary": "where", "logistic": "sigmoid",
}  # fmt: skip


def near(name: str, choices: Iterable[str], *, most: int) -> list[str]:
    """Up to ``most`` choices that ``name`` may mean, the likeliest first.

    That is the choice that it is another name of, or else those that are near it, whatever the case of letters: that
    begin with the same whole words (``central`` of ``central_difference``), or share most of their characters.
    """
    plain = {choice.casefold(): choice for choice in sorted(choices)}
    given = name.casefold()
    other = OTHER_NAMES.get(given)
    if other in plain:
        return [plain[other]]
    alike = difflib.get_close_matches(given, plain, n=most, cutoff=NEAR)
    same_words = [key for key in plain if given and (f"{key}_".startswith(f"{given}_") or given.startswith(f"{key}_"))]
    return [plain[key] for key in dict.fromkeys([*alike, *same_words])][:most]


def did_you_mean(name: str, choices: Iterable[str], *, most: int = 1) -> str:
    """``did you mean 'sqrt'?``; empty where no choice is near."""
    found = near(name, choices, most=most)
    return f"did you mean {' or '.join(map(repr, found))}?" if found else ""
