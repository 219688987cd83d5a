"""The white list: which syntax trees are formulas, and what is stated about the others."""

from __future__ import annotations

import ast

from diffexplore.errors import UsageError
from diffexplore.formula.corrections import SHORT
from diffexplore.formula.names import check_name, is_symbol, shown
from diffexplore.formula.notation import REDUCTIONS
from diffexplore.functions import CONSTANTS, FUNCTIONS
from diffexplore.suggestions import did_you_mean

MAX_DEPTH = 200

GROUPS: tuple[tuple[type[ast.operator], ...], ...] = ((ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.Pow,))
"""Operators of equal precedence."""

_REFUSALS: dict[type[ast.AST], str] = {
    ast.Attribute: "a formula has no attributes ('.' stands only in numbers)",
    ast.Lambda: "a formula has no lambda",
    ast.Call: "write '*' to multiply by a parenthesis",
    ast.IfExp: "write where(condition, a, b) instead of 'a if condition else b'",
    ast.Subscript: "a formula has no indexing with [ ]",
    ast.JoinedStr: "a formula has no strings",
    ast.List: "a formula has no lists",
    ast.Set: "a formula has no sets",
    ast.Dict: "a formula has no dictionaries",
    ast.Tuple: "a formula has no tuples outside Piecewise",
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), "a formula has no comprehensions"),
    ast.NamedExpr: "a formula has no assignments",
    ast.Starred: "a formula has no starred arguments",
    ast.Compare: "a comparison may stand only in the condition of where(…) or Piecewise(…)",
    ast.BoolOp: "'and', 'or' and 'not' may stand only in the condition of where(…) or Piecewise(…)",
    ast.UnaryOp: "the operator '~' is not part of formulas",
    ast.Await: "a formula has no await",
    **dict.fromkeys((ast.Yield, ast.YieldFrom), "a formula has no yield"),
}

_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


_OTHER_OPERATORS: dict[type[ast.operator], str] = {
    ast.FloorDiv: "'//'", ast.Mod: "'%'", ast.MatMult: "'@'", ast.BitAnd: "'&'", ast.BitOr: "'|'",
    ast.LShift: "'<<'", ast.RShift: "'>>'", ast.BitXor: "'^'",
}  # fmt: skip


def too_deep() -> UsageError:
    return UsageError(f"the formula is nested too deeply: at most {MAX_DEPTH} levels are read")


def chain(node: ast.expr, operators: tuple[type[ast.operator], ...]) -> list[tuple[ast.operator | None, ast.expr]]:
    """The operands of a left-leaning chain such as a + b − c, each with the operator before it."""
    operands: list[tuple[ast.operator | None, ast.expr]] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, operators):
        operands.append((node.op, node.right))
        node = node.left
    operands.append((None, node))
    return operands[::-1]


def check_formula(node: ast.expr, depth: int = 0) -> None:
    """Refuse a tree that is not a formula, with a UsageError that says why; ``depth``: its own in a larger one."""
    if depth > MAX_DEPTH:
        raise too_deep()
    if isinstance(node, ast.Constant):
        _number(node)
    elif isinstance(node, ast.Name):
        _name(node)
    elif isinstance(node, ast.BinOp):
        _binary(node, depth)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        check_formula(node.operand, depth + 1)
    elif isinstance(node, ast.Call):
        _call(node, depth)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        raise _refused(ast.BoolOp(ast.And(), []))
    else:
        raise _refused(node)


def _binary(node: ast.BinOp, depth: int) -> None:
    group = next((group for group in GROUPS if isinstance(node.op, group)), None)
    if group is None:
        raise UsageError(f"the operator {_OTHER_OPERATORS.get(type(node.op), '?')} is not part of formulas")
    for _, operand in chain(node, group):
        check_formula(operand, depth + 1)


def _number(node: ast.Constant) -> None:
    if isinstance(node.value, (bool, type(None), type(...))):
        raise UsageError(f"{'...' if node.value is ... else node.value} cannot stand in a formula")
    if isinstance(node.value, (str, bytes)):
        raise UsageError("a formula has no strings")
    if isinstance(node.value, complex):
        raise UsageError("a formula has real numbers only, without 'j'")


def _name(node: ast.Name) -> None:
    name = node.id
    if name in FUNCTIONS and not is_symbol(node):
        raise UsageError(
            f"{name!r} is a function: write {name}(…), or declare it as a parameter or as data where it is a symbol"
        )
    if name not in CONSTANTS:
        check_name(name)


def _call(node: ast.Call, depth: int) -> None:
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
        _pieces(node, depth)
        return
    for position, argument in enumerate(node.args):
        check = check_condition if entry.name == "where" and position == 0 else check_formula
        check(argument, depth + 1)


def _pieces(node: ast.Call, depth: int) -> None:
    for argument in node.args:
        if not (isinstance(argument, ast.Tuple) and len(argument.elts) == 2):
            raise UsageError("Piecewise takes pairs: Piecewise((a, condition), …, (b, True))")
        check_formula(argument.elts[0], depth + 1)
        check_condition(argument.elts[1], depth + 1)
    last = node.args[-1]
    assert isinstance(last, ast.Tuple)
    if not (isinstance(last.elts[1], ast.Constant) and last.elts[1].value is True):
        raise UsageError("the last pair of Piecewise needs the condition True")


def check_condition(node: ast.expr, depth: int = 0) -> None:
    """Refuse a tree that is not a condition, with a UsageError that says why."""
    if depth > MAX_DEPTH:
        raise too_deep()
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            check_condition(part, depth + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        check_condition(node.operand, depth + 1)
    elif isinstance(node, ast.Compare):
        _comparison(node, depth)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        raise UsageError("write 'and' or 'or' between conditions")
    elif isinstance(node, ast.Tuple):
        raise UsageError("write 'and' between conditions, not a comma")
    else:
        raise UsageError(f"a condition compares, such as x > 0; this one is {_outline(node)}")


def _outline(node: ast.expr) -> str:
    """What a part of a formula looks like, for a message."""
    try:
        return shown(ast.unparse(node)[:100])
    except RecursionError:  # a sum of a thousand terms, which Python writes one within the other
        return "a long formula without one"


def _comparison(node: ast.Compare, depth: int) -> None:
    if len(node.ops) > 1:
        raise UsageError("write a chain of comparisons with 'and': 0 < x and x < 1")
    if not isinstance(node.ops[0], _COMPARISONS):
        raise UsageError("compare with <, <=, >, >=, == or !=")
    check_formula(node.left, depth + 1)
    check_formula(node.comparators[0], depth + 1)


def _refused(node: ast.AST) -> UsageError:
    return UsageError(_REFUSALS.get(type(node), f"{type(node).__name__} cannot stand in a formula"))


_SUMS = ("Σ", "∑")  # signs of sums over the samples, as results show them


def _unknown_function(name: str) -> UsageError:
    if name in _SUMS:
        return UsageError(f"a formula is that of one sample: leave out {name}(…), or write mean[…] or sum[…] around it")
    if name in REDUCTIONS:
        return UsageError(
            f"{name}(…) is the reduction over the samples: it stands around the whole formula, with every factor inside"
        )
    if len(name) <= SHORT:
        return UsageError(f"unknown function {shown(name)} (to multiply, write '*' before the parenthesis)")
    hint = (
        did_you_mean(name, (*FUNCTIONS, *REDUCTIONS)) or "diffexplore list shows the functions that a formula may have"
    )
    return UsageError(f"unknown function {shown(name)}: {hint}")
