r"""Formulas in LaTeX, such as ``\frac{(a x - y)^2}{2}``, in the formula language: a correction to be pasted.

Only what the language has is translated; a command that it has not is named. The result is read like any other text.
"""

from __future__ import annotations

import re

from diffexplore.errors import UsageError
from diffexplore.formula.names import shown
from diffexplore.formula.notation import has_terms
from diffexplore.functions import FUNCTIONS

#: Commands that mean a sign or nothing.
_PLAIN = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "left": "", "right": "", "big": "", "Big": "", "bigl": "",
    "bigr": "", "Bigl": "", "Bigr": "", "quad": " ", "qquad": " ", "displaystyle": "", "lvert": "|", "rvert": "|",
    "vert": "|", "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "ne": "!=", "neq": "!=", "lbrace": "(",
    "rbrace": ")", "limits": "",
}  # fmt: skip
_SIGNS = {"~": " ", "[": "(", "]": ")"}
_SPACES = frozenset(",;:! ")
_LETTERS = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi "
    "psi omega Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell".split()
)
_SPELLED = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "Gamma": "gamma", "varepsilon": "epsilon"}
_NAMED = ("operatorname", "mathrm", "text", "mathit", "textrm")
_FRACTIONS = ("frac", "dfrac", "tfrac")
_WEIGHTED_SUM = re.compile(
    r"(-?)\s*\\[dt]?frac\s*(?:\{\s*1\s*\}|1)\s*(?:\{\s*(\d*)\s*[nNm]\s*\}|[nNm])\s*(?:\\cdot\s*)?"
    r"\\sum(?![A-Za-z])"
)
_SUM = re.compile(r"(-?)\s*\\sum(?![A-Za-z])")
#: What leaves open where an argument without parentheses ends: all but what begins a term or closes a bracket.
_TIGHTER = re.compile(r"\s*(?:[\w*/^({!|]|\\(?!right|[bB]igg?r)[A-Za-z])")
_OPENING = re.compile(r"\s*(?:\\left)?\s*\(")
_MOST_NESTED = 50


def from_latex(text: str) -> str:
    """The formula in the formula language; raises :class:`UsageError` for what has no counterpart there."""
    text = text.strip().strip("$").strip()
    found = _WEIGHTED_SUM.match(text) or _SUM.match(text)
    if found is None:
        return _LatexReader(text).until(None, 0).strip()
    is_mean = found.re is _WEIGHTED_SUM
    sign, factor = found[1], (found[2] or "") if is_mean else ""
    reader = _LatexReader(text[found.end() :])
    reader.skip_limits()
    inside = reader.until(None, 0).strip()
    if has_terms(inside) and (sign or factor or not is_mean):  # only a mean may have terms without samples inside
        raise UsageError("cannot read the formula as LaTeX: put the summand of \\sum in parentheses")
    return f"{'mean' if is_mean else 'sum'}({sign}{inside}{f'/{factor}' if factor else ''})"


class _LatexReader:
    """Reads a text from left to right; ``place`` is where it is."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.index = text, 0, ""

    def until(self, end: str | None, depth: int) -> str:
        """What comes before a closing bracket, or before the end of the text."""
        if depth > _MOST_NESTED:
            raise UsageError(f"the formula is nested too deeply: at most {_MOST_NESTED} levels of LaTeX are read")
        parts: list[str] = []
        while self.place < len(self.text):
            character = self.text[self.place]
            if character == end:
                self.place += 1
                return "".join(parts)
            parts.append(self._one(depth))
        if end is not None:
            raise UsageError(f"cannot read the formula as LaTeX: a '{end}' is missing")
        return "".join(parts)

    def skip_limits(self) -> None:
        """Steps over the limits of a sum, and keeps its index, which says that a symbol has a value for each sample."""
        while (character := self._next()) and character in "_^":
            self.place = self.text.index(character, self.place) + 1
            limit = self._group(1)
            if character == "_":
                self.index = limit.partition("=")[0].strip()

    def _one(self, depth: int) -> str:
        character = self.text[self.place]
        self.place += 1
        if character == "\\":
            return self._command(depth)
        if character == "{":
            return f"({self.until('}', depth + 1)})"
        if character == "^":
            return f"**{_bracketed(self._group(depth))}"
        if character == "_":
            subscript = self._group(depth).replace(" ", "")
            return "" if subscript == self.index else subscript
        return _SIGNS.get(character, character)

    def _command(self, depth: int) -> str:
        found = re.compile(r"[A-Za-z]+").match(self.text, self.place)
        if found is None:
            sign, self.place = self.text[self.place : self.place + 1], self.place + 1
            if sign in _SPACES:
                return " "
            raise UsageError(
                f"cannot read the formula as LaTeX: {shown(chr(92) + sign)} has no counterpart in a formula"
            )
        name, self.place = found[0], found.end()
        if name in _FRACTIONS:
            above, below = self._group(depth), self._group(depth)
            return f" ({_bracketed(above)}/{_bracketed(below)})"
        if name == "sqrt":
            return self._root(depth)
        if name in _NAMED:
            return f" {self._group(depth).strip()} "
        if name in _PLAIN:
            return _PLAIN[name]
        return self._word(_SPELLED.get(name, name), depth)

    def _word(self, name: str, depth: int) -> str:
        """A function with its argument, or a letter such as α by its name."""
        if name == "sigma" and self._opens():
            name = "sigmoid"
        if name in ("sum", "prod", "int"):
            raise UsageError(f"cannot read the formula as LaTeX: \\{name} is read around the whole formula only")
        if name in _LETTERS and not (name in FUNCTIONS and self._opens()):
            return f" {name} " if self._next() != "_" else f" {name}"
        if name not in FUNCTIONS:
            raise UsageError(f"cannot read the formula as LaTeX: \\{name} has no counterpart in a formula")
        power = ""
        if self._next() == "^":
            self.place = self.text.index("^", self.place) + 1
            power = f"**{_bracketed(self._group(depth))}"
        if self._opens():
            return f" {name}" if not power else f" {name}{self._bracket(depth)}{power} "
        grouped = self._next() == "{"
        argument = self._group(depth)
        if argument in FUNCTIONS and _OPENING.match(self.text, self.place):
            argument += self._bracket(depth)
        elif not grouped and _TIGHTER.match(self.text, self.place):
            raise UsageError(f"cannot read the formula as LaTeX: put the argument of \\{name} in parentheses")
        return f" {name}({argument}){power} "

    def _opens(self) -> bool:
        """Whether a parenthesis or a bar follows."""
        return self._next() in ("(", "|") or re.compile(r"\s*\\(left|big|Big|lvert)").match(
            self.text, self.place
        ) is not None  # fmt: skip

    def _bracket(self, depth: int) -> str:
        """An argument in parentheses."""
        found = _OPENING.match(self.text, self.place)
        if found is None:
            return f"({self._group(depth)})"
        self.place = found.end()
        inside = self.until(")", depth + 1)
        return f"({inside})"

    def _root(self, depth: int) -> str:
        order = None
        if self._next() == "[":
            self.place = self.text.index("[", self.place) + 1
            order = self.until("]", depth + 1).strip()
        inside = self._group(depth)
        return f" sqrt({inside}) " if order is None else f" ({inside})**(1/{_bracketed(order)}) "

    def _group(self, depth: int) -> str:
        """What stands in braces, or the next sign or command alone."""
        while self._peek().isspace():
            self.place += 1
        if not self._peek():
            raise UsageError("cannot read the formula as LaTeX: it ends where an argument should be")
        if self._peek() == "{":
            self.place += 1
            return self.until("}", depth + 1).strip()
        if depth > _MOST_NESTED:
            raise UsageError(f"the formula is nested too deeply: at most {_MOST_NESTED} levels of LaTeX are read")
        return self._one(depth + 1).strip()

    def _peek(self) -> str:
        return self.text[self.place : self.place + 1]

    def _next(self) -> str:
        """The next character that is no space."""
        rest = re.compile(r"\s*(\S?)").match(self.text, self.place)
        return rest[1] if rest else ""


def _bracketed(part: str) -> str:
    """A part in parentheses, unless it is one word."""
    return part if re.fullmatch(r"\w+", part) else f"({part})"
