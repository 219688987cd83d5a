"""Formula text → a checked syntax tree. The text is never evaluated, and SymPy is not needed.

Python's own grammar is used, through ``ast``; a white list of node types is let through, everything else is one
clear :class:`~diffexplore.errors.UsageError`. Length, nesting and the size of numbers are bounded before and
while the text is read, so that hostile text is refused at once.
"""

from __future__ import annotations

import ast
import keyword
import re
import warnings
from collections.abc import Iterator
from fractions import Fraction

from diffexplore.errors import UsageError, nearest
from diffexplore.symbolic.functions import CONSTANTS, FUNCTIONS, RESERVED

MAX_LENGTH = 10_000
MAX_DEPTH = 200
MAX_DIGITS = 400
MAX_NAME = 40

_SIGNS = str.maketrans({"−": "-", "·": "*", "×": "*", "÷": "/", "\n": " ", "\r": " ", "\t": " ", "\u00a0": " "})
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = re.compile("⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LONG_NUMBER = re.compile(rf"[0-9_]{{{MAX_DIGITS + 1}}}")
_LONG_NAME = re.compile(rf"[^\W\d]\w{{{MAX_NAME}}}")

_REFUSALS: dict[type[ast.AST], str] = {
    ast.Attribute: "a formula has no attributes ('.' stands only in numbers)",
    ast.Lambda: "a formula has no lambda",
    ast.IfExp: "write where(condition, a, b) instead of 'a if condition else b'",
    ast.Subscript: "a formula has no indexing with [ ]",
    ast.JoinedStr: "a formula has no strings",
    ast.List: "a formula has no lists",
    ast.Set: "a formula has no sets",
    ast.Dict: "a formula has no dictionaries",
    ast.Tuple: "a formula has no tuples outside Piecewise",
    ast.ListComp: "a formula has no comprehensions",
    ast.SetComp: "a formula has no comprehensions",
    ast.DictComp: "a formula has no comprehensions",
    ast.GeneratorExp: "a formula has no comprehensions",
    ast.NamedExpr: "a formula has no assignments",
    ast.Starred: "a formula has no starred arguments",
    ast.Compare: "a comparison may stand only in the condition of where(…) or Piecewise(…)",
    ast.BoolOp: "'and', 'or' and 'not' may stand only in the condition of where(…) or Piecewise(…)",
    ast.UnaryOp: "the operator '~' is not part of formulas",
    ast.Await: "a formula has no await",
    ast.Yield: "a formula has no yield",
    ast.YieldFrom: "a formula has no yield",
}

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


def read(text: str, *, condition: bool = False) -> ast.expr:
    """The checked tree of a formula, or of a condition such as ``s > 0 and x != 0``.

    The value of a decimal in the tree is a :class:`~fractions.Fraction`: 0.1 is 1/10.

    Args:
        text: at most 10,000 characters; ``^`` and ``**`` are powers, ``·``, ``×``, ``−`` and ``²`` are understood.
        condition: whether the text is a condition.

    Raises:
        UsageError: for everything that is not a formula, saying what is wrong in one line.
    """
    text = _normalised(text)
    tree = _parsed(text)
    _Checker().check(tree, condition)
    _make_decimals_exact(tree, text.encode())
    return tree


def names_of(tree: ast.expr) -> tuple[str, ...]:
    """The symbols of a checked tree, in order of first appearance."""
    return tuple(dict.fromkeys(node.id for node in _in_order(tree) if node.id not in RESERVED))


def check_name(name: str) -> str:
    """``name`` as a formula would read it (in Unicode normal form), if it can be a symbol.

    Raises:
        UsageError: where it is not an identifier, is reserved, too long or begins with an underscore.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError(f"{_shown(str(name))} cannot name a symbol: use letters, digits and '_'")
    if len(name) > MAX_NAME:
        raise UsageError(f"the name {_shown(name)} is longer than {MAX_NAME} characters")
    if keyword.iskeyword(name):
        raise UsageError(f"{name!r} is a word of Python and cannot name a symbol: write '{name}_'")
    if name.startswith("_"):
        raise UsageError(f"the name {name!r} begins with '_': begin it with a letter")
    if name in FUNCTIONS:
        raise UsageError(f"{name!r} is a function of formulas and cannot name a symbol: write '{name}_'")
    if name in CONSTANTS:
        raise UsageError(f"{name!r} is a constant of formulas and cannot name a symbol: write '{name}_'")
    parsed = ast.parse(name, mode="eval").body
    return parsed.id if isinstance(parsed, ast.Name) else name


def _normalised(text: str) -> str:
    """The text in ASCII operators on one line, refused where it is too long or too deep to be read."""
    if not isinstance(text, str):
        raise UsageError(f"a formula must be text, not {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise UsageError(f"the formula has {len(text):,} characters; at most {MAX_LENGTH:,} are read")
    text = text.translate(_SIGNS).strip()
    text = _SUPERSCRIPT.sub(lambda match: f"**({match[0].translate(_SUPERSCRIPTS)})", text).replace("^", "**")
    if not text:
        raise UsageError("the formula is empty")
    for character, what in (("#", "comments"), ("\\", "backslashes"), ("\0", "null characters"), (";", "';'")):
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
        raise _too_deep()
    if _LONG_NUMBER.search(text):
        raise UsageError(f"a number has more than {MAX_DIGITS} digits")
    if found := _LONG_NAME.search(text):
        raise UsageError(f"the name {_shown(found[0])} is longer than {MAX_NAME} characters")


def _parsed(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about 2(x + 1); the checker refuses it in plain words
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(text, error) from None
    except (RecursionError, MemoryError):
        raise _too_deep() from None
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
        return _too_deep()
    if re.search(r"(?<![<>=!])=(?!=)", text):
        return UsageError("a formula has no '=': give the right-hand side alone")
    for word in re.findall(r"[^\W\d]\w*", text):
        if keyword.iskeyword(word) and word not in ("and", "or", "not", "if", "else", "True", "False", "None"):
            return UsageError(f"{word!r} is a word of Python and cannot stand in a formula: write '{word}_'")
    if "never closed" in error.msg or "parenthesis" in error.msg or "unmatched" in error.msg:
        return UsageError(f"cannot read the formula: {error.msg}")
    start = (error.offset or 0) - 1
    if not 0 <= start < len(text):
        return UsageError(f"cannot read the formula: it ends too early, after {_shown(text[-20:])}")
    if re.match(r"\d\s*[^\W\d]", text[start:]) or re.match(r"[\d.]+[^\W\d]", text[max(start - 1, 0) :]):
        return UsageError(f"cannot read the formula near {_shown(text[start : start + 12])}: write '*' to multiply")
    return UsageError(f"cannot read the formula near {_shown(text[start : start + 20])} (character {start + 1})")


def _too_deep() -> UsageError:
    return UsageError(f"the formula is nested too deeply: at most {MAX_DEPTH} levels are read")


def _shown(text: str) -> str:
    """Text of the user for a message: quoted, and cut where it is long."""
    return repr(text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…")


def chain(node: ast.expr, operators: tuple[type[ast.operator], ...]) -> list[tuple[ast.operator | None, ast.expr]]:
    """The operands of a left-leaning chain such as a + b − c, each with the operator before it."""
    operands: list[tuple[ast.operator | None, ast.expr]] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, operators):
        operands.append((node.op, node.right))
        node = node.left
    operands.append((None, node))
    return operands[::-1]


def _in_order(tree: ast.expr) -> Iterator[ast.Name]:
    """The names below ``tree``, left to right."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return iter(sorted(found, key=lambda node: node.col_offset))


class _Checker:
    """Walks a tree and refuses what is not a formula."""

    def check(self, node: ast.expr, condition: bool) -> None:
        (self._condition if condition else self._expression)(node, 0)

    def _expression(self, node: ast.expr, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(node, ast.Constant):
            self._number(node)
        elif isinstance(node, ast.Name):
            self._name(node.id)
        elif isinstance(node, ast.BinOp):
            self._binary(node, depth)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            self._expression(node.operand, depth + 1)
        elif isinstance(node, ast.Call):
            self._call(node, depth)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            raise _refused(ast.BoolOp())
        else:
            raise _refused(node)

    def _binary(self, node: ast.BinOp, depth: int) -> None:
        if not isinstance(node.op, _OPERATORS):
            raise UsageError(f"the operator {_OTHER_OPERATORS.get(type(node.op), '?')} is not part of formulas")
        group = next(group for group in GROUPS if isinstance(node.op, group))
        for _, operand in chain(node, group):
            self._expression(operand, depth + 1)

    def _number(self, node: ast.Constant) -> None:
        if isinstance(node.value, (bool, type(None), type(...))):
            raise UsageError(f"{'...' if node.value is ... else node.value} cannot stand in a formula")
        if isinstance(node.value, (str, bytes)):
            raise UsageError("a formula has no strings")
        if isinstance(node.value, complex):
            raise UsageError("a formula has real numbers only, without 'j'")

    def _name(self, name: str) -> None:
        if name in FUNCTIONS:
            raise UsageError(f"{name!r} is a function: write {name}(…), or call the symbol '{name}_'")
        if name not in CONSTANTS:
            check_name(name)

    def _call(self, node: ast.Call, depth: int) -> None:
        if isinstance(node.func, (ast.Constant, ast.BinOp)):
            raise UsageError("write '*' to multiply a number or a parenthesis with a parenthesis")
        if not isinstance(node.func, ast.Name):
            raise _refused(node.func)
        if node.func.id not in FUNCTIONS:
            raise _unknown_function(node.func.id)
        entry = FUNCTIONS[node.func.id]
        if node.keywords:
            raise UsageError(f"{node.func.id} takes no named arguments")
        if not entry.accepts(len(node.args)):
            raise UsageError(f"{node.func.id} takes {entry.arity}, not {len(node.args)}")
        if entry.name == "Piecewise":
            self._pieces(node, depth)
            return
        for position, argument in enumerate(node.args):
            check = self._condition if entry.name == "where" and position == 0 else self._expression
            check(argument, depth + 1)

    def _pieces(self, node: ast.Call, depth: int) -> None:
        for argument in node.args:
            if not (isinstance(argument, ast.Tuple) and len(argument.elts) == 2):
                raise UsageError("Piecewise takes pairs: Piecewise((a, condition), …, (b, True))")
            self._expression(argument.elts[0], depth + 1)
            self._condition(argument.elts[1], depth + 1)
        last = node.args[-1]
        assert isinstance(last, ast.Tuple)
        if not (isinstance(last.elts[1], ast.Constant) and last.elts[1].value is True):
            raise UsageError("the last pair of Piecewise needs the condition True")

    def _condition(self, node: ast.expr, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                self._condition(part, depth + 1)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._condition(node.operand, depth + 1)
        elif isinstance(node, ast.Compare):
            self._comparison(node, depth)
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            return
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            raise UsageError("write 'and' or 'or' between conditions")
        elif isinstance(node, ast.Tuple):
            raise UsageError("write 'and' between conditions, not a comma")
        else:
            raise UsageError(f"a condition compares, such as x > 0; this one is {_shown(ast.unparse(node)[:100])}")

    def _comparison(self, node: ast.Compare, depth: int) -> None:
        if len(node.ops) > 1:
            raise UsageError("write a chain of comparisons with 'and': 0 < x and x < 1")
        if not isinstance(node.ops[0], _COMPARISONS):
            raise UsageError("compare with <, <=, >, >=, == or !=")
        self._expression(node.left, depth + 1)
        self._expression(node.comparators[0], depth + 1)


GROUPS: tuple[tuple[type[ast.operator], ...], ...] = ((ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.Pow,))
"""Operators of equal precedence."""

_OTHER_OPERATORS: dict[type[ast.operator], str] = {
    ast.FloorDiv: "'//'", ast.Mod: "'%'", ast.MatMult: "'@'", ast.BitAnd: "'&'", ast.BitOr: "'|'",
    ast.LShift: "'<<'", ast.RShift: "'>>'", ast.BitXor: "'^'",
}  # fmt: skip


def _refused(node: ast.AST) -> UsageError:
    return UsageError(_REFUSALS.get(type(node), f"{type(node).__name__} cannot stand in a formula"))


def _unknown_function(name: str) -> UsageError:
    guess = nearest(name, FUNCTIONS)
    if guess is not None and len(name) > 2:
        return UsageError(f"unknown function {_shown(name)}: did you mean {guess!r}?")
    return UsageError(f"unknown function {_shown(name)} (to multiply, write '*' before the parenthesis)")
