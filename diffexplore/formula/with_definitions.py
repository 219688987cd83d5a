"""Formulas with names for their parts, as long ones are printed: ``u1·(1 − u1) with u1 = r·x·(1 − x)``.

Each definition is a formula in the inputs and in other names. Read, a name is what it stands for, written out: within a
budget of nodes that is counted before anything is.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Collection, Mapping
from itertools import count

from diffexplore.errors import UsageError
from diffexplore.functions import RESERVED
from diffexplore.lists import listed

MAX_NODES = 20_000
"""So many nodes a formula may have, its definitions written out."""

WITH = "with"

_WITH = re.compile(rf"(?<!\w){WITH}(?!\w)")
_NAME = re.compile(r"(?<!\w)[^\W\d]\w*")
_DEFINITION = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)(.*\S.*)", re.DOTALL)


def split(text: str, symbols: Collection[str]) -> tuple[str, dict[str, str]]:
    """The text of the formula itself, and that of each definition by its name; none where there are none.

    Raises UsageError for a definition that is none, and for names that come twice or that mean something else.
    """
    if WITH in symbols or _WITH.search(text) is None:
        return text, {}
    formula, *rest = _WITH.split(text)
    if len(rest) > 1 or not formula.strip():
        raise UsageError("a formula has one 'with', behind it and before all of its definitions")
    found: dict[str, str] = {}
    for part in _between_commas(rest[0]):
        match = _DEFINITION.fullmatch(part)
        if match is None:
            raise UsageError("after 'with' stand definitions with commas between them: with u1 = x*y, u2 = u1 + 1")
        name = match[1]
        if name in found:
            raise UsageError(f"the name {name!r} is defined twice: give one of the definitions another name")
        if name in symbols or name in RESERVED:
            raise UsageError(f"the name {name!r} of a definition means something else: give it another name")
        found[name] = match[2].strip()
    return _public(formula.strip(), found, symbols)


def _between_commas(text: str) -> list[str]:
    """The parts between the commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _public(formula: str, definitions: Mapping[str, str], symbols: Collection[str]) -> tuple[str, dict[str, str]]:
    """The same, where names that begin with an underscore, as printed ones may, begin with a letter."""
    texts = (formula, *definitions, *definitions.values())
    taken = {*symbols, *RESERVED, *(name for text in texts for name in _NAME.findall(text))}
    public: dict[str, str] = {}
    for name in definitions:
        if name.startswith("_"):
            public[name] = next(new for number in count(1) if (new := "d" * number + name) not in taken)
            taken.add(public[name])

    def renamed(text: str) -> str:
        return _NAME.sub(lambda name: public.get(name[0], name[0]), text)

    return renamed(formula), {renamed(name): renamed(text) for name, text in definitions.items()}


def written_out(tree: ast.expr, definitions: Mapping[str, ast.expr]) -> ast.expr:
    """A checked tree with each name that is defined replaced by the tree of its definition; these trees are used up.

    Raises UsageError for definitions that need each other or that nothing uses, and where it becomes too large.
    """
    order = _in_order(tree, definitions)
    sizes: dict[str, int] = {}
    for name in order:
        sizes[name] = _size(definitions[name], sizes)
    if _size(tree, sizes) > MAX_NODES:
        raise UsageError(f"the formula has more than {MAX_NODES:,} nodes, its definitions written out")
    filling = _Filling(Counter(node.id for one in (tree, *definitions.values()) for node in _names(one)))
    for name in order:
        filling.known[name] = filling.visit(definitions[name])
    filled: ast.expr = filling.visit(tree)
    return filled


def _in_order(tree: ast.expr, definitions: Mapping[str, ast.expr]) -> list[str]:
    """The names, each behind those that its definition needs."""
    order: list[str] = []
    open_: list[str] = []

    def visit(name: str) -> None:
        if name in open_:
            circle = list(dict.fromkeys(open_[open_.index(name) :]))
            what = (
                f"the definition of {name!r} needs itself"
                if len(circle) == 1
                else (f"the definitions of {listed(list(map(repr, circle)), 'and')} need each other")
            )
            raise UsageError(f"{what}: define each name by the inputs and names before it")
        if name in order:
            return
        open_.append(name)
        for other in _uses(definitions[name], definitions):
            visit(other)
        open_.pop()
        order.append(name)

    for name in _uses(tree, definitions):
        visit(name)
    unused = [name for name in definitions if name not in order]
    for name in unused:
        visit(name)
    if unused:
        raise UsageError(f"nothing uses {unused[0]!r}, which is defined: leave the definition out")
    return order


def _uses(tree: ast.expr, names: Collection[str]) -> list[str]:
    return list(dict.fromkeys(node.id for node in _names(tree) if node.id in names))


def _names(tree: ast.expr) -> list[ast.Name]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _size(tree: ast.expr, sizes: Mapping[str, int]) -> int:
    """How many nodes a tree has, its names written out."""
    return sum(1 for _ in ast.walk(tree)) + sum(sizes.get(node.id, 0) for node in _names(tree))


class _Filling(ast.NodeTransformer):
    """Puts a copy of a tree at each place of its name, and the tree itself at the last one."""

    def __init__(self, places: Counter[str]) -> None:
        self.known: dict[str, ast.expr] = {}
        self._places = places

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self.known.get(node.id)
        if found is None:
            return node
        self._places[node.id] -= 1
        return copy.deepcopy(found) if self._places[node.id] else found
