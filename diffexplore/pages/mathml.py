"""Formulas as presentation MathML, which browsers typeset without any script."""

from __future__ import annotations

import re
from html import escape

from diffexplore.pages.notation import NAME, NotationNode, NotReadError, read

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "iota": "ι", "kappa": "κ", "lambda": "λ", "lamda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
_FUNCTIONS = {"sigmoid": "σ", "sum": "∑", "Σ": "∑"}
_PARTIAL = re.compile(rf"∂(²?)({NAME})?/∂({NAME})(?:²|∂({NAME}))?")
_SCIENTIFIC = re.compile(r"([\d.]+)[eE]([+-]?\d+)")

#: How tightly a kind binds: it stands in parentheses where its place needs more.
_BINDING = {
    "or": 0, "and": 1, "not": 2, "relation": 3, "sum": 4, "negative": 5, "product": 6, "fraction": 7, "power": 8,
}  # fmt: skip
_SUM, _TERM, _PRODUCT, _FACTOR, _ATOM = 4, 5, 6, 7, 9

_TIMES, _INVISIBLE = "<mo>·</mo>", "<mo>&#x2062;</mo>"
_APPLIED = "<mo>&#x2061;</mo>"


def mathml(text: str) -> str | None:
    """``text`` as one ``<math>`` element, with the text itself as its annotation; None where it is no formula.

    ``text`` is in the notation of :mod:`diffexplore.formula.text`, or as a person typed it.
    """
    try:
        inside = _row(read(text))
    except NotReadError:
        return None
    annotation = f'<annotation encoding="text/plain">{escape(text)}</annotation>'
    return f'<math displaystyle="true"><semantics><mrow>{inside}</mrow>{annotation}</semantics></math>'


def _row(node: NotationNode, place: int = 0) -> str:
    """The node, in parentheses where it binds less tightly than its place needs."""
    inside = _DRAWN[node.kind](node)
    return inside if _BINDING.get(node.kind, _ATOM) >= place else _bracketed(inside)


def _bracketed(inside: str, left: str = "(", right: str = ")") -> str:
    return f"<mrow><mo>{left}</mo>{inside}<mo>{right}</mo></mrow>"


def _grouped(node: NotationNode, place: int = 0) -> str:
    """The node as the one element that fractions and powers take."""
    return f"<mrow>{_row(node, place)}</mrow>"


def _number(node: NotationNode) -> str:
    parts = _SCIENTIFIC.fullmatch(node.word)
    if parts is None:
        return f"<mn>{escape(node.word)}</mn>"
    power = int(parts[2])
    exponent = f"<mrow><mo>−</mo><mn>{-power}</mn></mrow>" if power < 0 else f"<mn>{power}</mn>"
    ten = f"<msup><mn>10</mn>{exponent}</msup>"
    return ten if parts[1] == "1" else f"<mrow><mn>{parts[1]}</mn>{_TIMES}{ten}</mrow>"


def name_of(word: str) -> str:
    """A symbol: Greek letters as such; digits at its end, or what follows an underscore, below it."""
    base, underscore, below = word.replace("ᵢ", "_i").partition("_")
    if not underscore:
        letters = word.rstrip("0123456789₀₁₂₃₄₅₆₇₈₉")
        base, below = letters, word[len(letters) :]
    letter = f"<mi>{escape(_GREEK.get(base, base))}</mi>"
    if not base or not below:
        return f"<mi>{escape(_GREEK.get(word, word))}</mi>"
    tag = "mn" if below.isdigit() else "mi"
    return f"<msub>{letter}<{tag}>{escape(_GREEK.get(below, below))}</{tag}></msub>"


def _partial(node: NotationNode) -> str:
    match = _PARTIAL.fullmatch(node.word)
    if match is None:
        raise NotReadError(node.word)
    second, of, by, also = match.groups()
    d = "<mo>∂</mo>"
    above = (f"<msup>{d}<mn>2</mn></msup>" if second else d) + (name_of(of) if of else "")
    below = d + name_of(by) + (d + name_of(also) if also else "")
    if second and also is None:
        below = f"{d}<msup>{name_of(by)}<mn>2</mn></msup>"
    return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"


def _sum(node: NotationNode) -> str:
    first, *rest = node.parts
    drawn = _row(first, _TERM)
    for sign, part in zip(node.word[1:], rest, strict=True):
        drawn += f"<mo>{sign}</mo>{_row(part, _PRODUCT)}"
    return drawn


def _negative(node: NotationNode) -> str:
    return f"<mo>−</mo>{_row(node.parts[0], _PRODUCT)}"


def _product(node: NotationNode) -> str:
    drawn = _row(node.parts[0], _PRODUCT)
    for left, right in zip(node.parts, node.parts[1:], strict=False):
        drawn += (_INVISIBLE if _close(left, right) else _TIMES) + _row(right, _FACTOR)
    return drawn


def _close(left: NotationNode, right: NotationNode) -> bool:
    """Whether two factors are read as a product without a sign between them: ``2x``, ``ax``, ``(…)(…)``."""
    if right.kind in ("number", "negative", "fraction", "partial") or _starts_with_number(right):
        return False
    if left.kind == "name" and _is_bracketed(right):
        return False  # x(…) would be read as a function
    return _short(left) and _short(right)


def _is_bracketed(factor: NotationNode) -> bool:
    """Whether a factor begins with a parenthesis."""
    base = factor.parts[0] if factor.kind == "power" else factor
    return _BINDING.get(base.kind, _ATOM) < _FACTOR


def _starts_with_number(node: NotationNode) -> bool:
    return node.kind == "number" or (node.kind == "power" and _starts_with_number(node.parts[0]))


def _short(node: NotationNode) -> bool:
    """Whether a factor is no word of several letters, and no function by its name."""
    if node.kind == "power":
        return _short(node.parts[0])
    if node.kind == "name":
        return len(re.sub(r"_\w+|\d+", "", node.word)) == 1 or node.word in _GREEK
    return node.kind in ("number", "sum", "size", "root")


def _fraction(node: NotationNode) -> str:
    above, below = node.parts
    return f"<mfrac>{_grouped(above)}{_grouped(below)}</mfrac>"


def _power(node: NotationNode) -> str:
    base, exponent = node.parts
    raised = _slashed(exponent) or _grouped(exponent)
    if base.kind == "call":  # sin(x)² is (sin(x))²
        return f"<msup>{_bracketed(_row(base))}{raised}</msup>"
    drawn = _grouped(base, _ATOM) if base.kind != "fraction" else _bracketed(_row(base))
    return f"<msup>{drawn}{raised}</msup>"


def _slashed(exponent: NotationNode) -> str | None:
    """A fraction of two numbers on one line, as exponents have it; None for anything else."""
    if exponent.kind == "negative":
        inside = _slashed(exponent.parts[0])
        return inside and f"<mrow><mo>−</mo>{inside}</mrow>"
    if exponent.kind != "fraction" or any(part.kind != "number" for part in exponent.parts):
        return None
    above, below = exponent.parts
    return f"<mrow>{_row(above)}<mo>/</mo>{_row(below)}</mrow>"


def _root(node: NotationNode) -> str:
    inside = _row(node.parts[0])
    return f"<msqrt>{inside}</msqrt>" if node.word == "2" else f"<mroot><mrow>{inside}</mrow><mn>3</mn></mroot>"


def _size(node: NotationNode) -> str:
    return _bracketed(_row(node.parts[0]), "|", "|")


def _call(node: NotationNode) -> str:
    name, parts = node.word, node.parts
    if name in ("sqrt", "cbrt") and len(parts) == 1:
        return _root(NotationNode("root", "2" if name == "sqrt" else "3", parts))
    if name == "abs" and len(parts) == 1:
        return _size(NotationNode("size", parts=parts))
    if name == "where" and len(parts) == 3:
        return _cases(((parts[1], parts[0]), (parts[2], None)))
    if name == "Piecewise" and all(part.kind == "call" and not part.word for part in parts):
        return _cases(tuple(_piece(part) for part in parts))
    if not name:
        raise NotReadError("a pair outside a Piecewise")
    arguments = "<mo>,</mo>".join(_row(part) for part in parts)
    if name in ("Σ", "sum") and len(parts) == 1:
        return f"<mo>∑</mo>{_row(parts[0], _FACTOR)}"
    return f"<mi>{escape(_FUNCTIONS.get(name, name))}</mi>{_APPLIED}{_bracketed(arguments)}"


def _piece(pair: NotationNode) -> tuple[NotationNode, NotationNode | None]:
    value, condition = pair.parts
    return value, None if condition == NotationNode("name", "True") else condition


def _cases(pieces: tuple[tuple[NotationNode, NotationNode | None], ...]) -> str:
    rows = "".join(
        f"<mtr><mtd>{_row(value)}</mtd><mtd>{_condition(condition)}</mtd></mtr>" for value, condition in pieces
    )
    return f"<mrow><mo>{{</mo><mtable>{rows}</mtable></mrow>"


def _condition(condition: NotationNode | None) -> str:
    return "<mtext>otherwise</mtext>" if condition is None else f"<mtext>if&#xa0;</mtext>{_row(condition)}"


def _index(node: NotationNode) -> str:
    of, inside = node.parts
    operator = f"<mi>{escape(of.word)}</mi>{_APPLIED}"
    if of.kind == "partial" or of.word == "sum":
        operator = _partial(of) if of.kind == "partial" else "<mo>∑</mo>"
    return operator + _bracketed(_row(inside), "[", "]")


def _relation(node: NotationNode) -> str:
    drawn = _row(node.parts[0], _SUM)
    for sign, part in zip(node.word, node.parts[1:], strict=True):
        drawn += f"<mo>{escape(sign)}</mo>{_row(part, _SUM)}"
    return drawn


def _logic(node: NotationNode) -> str:
    place = _BINDING[node.kind] + 1
    return f"<mtext>&#xa0;{node.kind}&#xa0;</mtext>".join(_row(part, place) for part in node.parts)


def _negation(node: NotationNode) -> str:
    return f"<mtext>not&#xa0;</mtext>{_row(node.parts[0], _BINDING['not'])}"


_DRAWN = {
    "number": _number, "name": lambda node: name_of(node.word), "partial": _partial, "sum": _sum, "product": _product,
    "fraction": _fraction, "negative": _negative, "power": _power, "root": _root, "size": _size, "call": _call,
    "index": _index, "relation": _relation, "and": _logic, "or": _logic, "not": _negation,
}  # fmt: skip
