"""Which characters an output can take, and how the others are written in ASCII."""

from __future__ import annotations

import re

#: What the blocks may contain beyond ASCII, apart from names that users chose.
MATHEMATICS = "∂²ℓᵢ·−√≥≤…—–×±πσΣ├└│█▌"

_ASCII = str.maketrans(
    {
        "∂": "d", "ℓ": "l", "ᵢ": "_i", "·": "*", "−": "-", "≥": ">=", "≤": "<=", "≠": "!=", "≈": "~", "∞": "inf",
        "…": "...", "—": "-", "–": "-", "’": "'", "×": "x", "±": "+-", "π": "pi", "Σ": "sum", "∧": "and", "∨": "or",
        "¬": "not ", "√": "sqrt", "⁄": "/", "½": "1/2", "├": "|", "└": "`", "│": "|",
        **dict.fromkeys("█▉▊▋▌", "#"), **dict.fromkeys("▍▎▏", " "),
    }
)  # fmt: skip
_TYPED_POWER = re.compile(r"\*\*(-?\d+)(?![\d.])")
_MINUS = re.compile(r"(?<![\d.][eE])-")
_NEGATIVE = re.compile(r"(?<![\w.])-(?=[\d.])")
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ", "0123456789-n")
_POWER = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ]+")
_SECOND_ORDER = re.compile(r"∂²(?=[Lℓ])")
_SIGMOID = re.compile(r"σ(?=\()")
_BARE_ROOT = re.compile(r"([√∛])(\w+)")


def with_minus(words: str) -> str:
    """A sentence whose negative numbers have a minus sign; exponents, and code between backticks, keep their hyphen."""
    parts = words.split("`")
    parts[::2] = [_NEGATIVE.sub("−", part) for part in parts[::2]]
    return "`".join(parts)


def speaks_mathematics(encoding: str | None) -> bool:
    """Whether an output with this ``encoding`` can show ∂ and its kin (cp1252 and ASCII cannot)."""
    try:
        MATHEMATICS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def to_ascii(words: str) -> str:
    """``words`` in ASCII, as a person would type them: ``∂L/∂a = (a² + 1)·x`` → ``dL/da = (a**2 + 1)*x``.

    A letter that has no such spelling (a parameter named ``α``) becomes its escape, ``\\u03b1``.
    """
    words = _SECOND_ORDER.sub("d2", words)
    words = _BARE_ROOT.sub(r"\1(\2)", words).replace("∛", "cbrt")
    words = _SIGMOID.sub("sigmoid", words)
    words = _POWER.sub(lambda found: _typed_power(found.group()), words)
    return words.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def _typed_power(superscript: str) -> str:
    power = superscript.translate(_SUPERSCRIPTS)
    return f"**({power})" if power.startswith("-") else f"**{power}"


def typeset(formula: str) -> str:
    """A formula as people type it, as they would print it: ``(a**2 + 1)*x`` → ``(a² + 1)·x``."""
    formula = _TYPED_POWER.sub(lambda found: found[1].translate(_RAISED), formula)
    formula = _MINUS.sub("−", formula.replace("**", "^").replace("*", "·"))
    return formula.replace("sqrt(", "√(").replace(">=", "≥").replace("<=", "≤")
