"""Partials that differ by their names alone: what is proved of one is proved of the others.

W[1, 1] and W[2, 1] of a layer stand in the loss alike: exchange the two rows, and what goes with them, and the loss is
the same. Where such a renaming maps the loss onto itself and one claimed partial onto another, with all that is stated
about them, a proof of the one, renamed, is a proof of the other; so are its side conditions. Renamings are found by
refining colours of the symbols (B. Weisfeiler, A. Leman, 1968); whether one is right is then decided exactly, so that a
poor guess loses time alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide.question import departure_text
from diffexplore.decide.records import Counterexample, Decision

_Renaming = Mapping[sympy.Basic, sympy.Basic]
_Colours = Mapping[sympy.Basic, int]

#: Whose arguments may stand in any order. The tuples of formulas are the symbols that sums bind.
_UNORDERED = (sympy.Add, sympy.Mul, sympy.And, sympy.Or, sympy.Max, sympy.Min, sympy.Tuple)


@dataclass(frozen=True)
class PartialClaim:
    """That an expression is the partial by a symbol, where its needs are met.

    ``beside``: what else the proof of it is about, in order: the same of functions as they are meant.
    """

    symbol: sympy.Symbol
    claimed: sympy.Expr
    needs: tuple[Boolean, ...]
    beside: tuple[sympy.Basic, ...] = ()


class Renamings:
    """The proofs of one loss so far.

    ``kinds``: the symbols that may be exchanged, each with its kind; others stay as they are. ``domain`` and
    ``conventions`` are those of :func:`~diffexplore.decide.decide_gradient`.
    """

    def __init__(
        self,
        exact: sympy.Expr,
        kinds: Mapping[sympy.Basic, Hashable],
        domain: Iterable[Boolean],
        conventions: Mapping[Boolean, str],
    ) -> None:
        self._exact, self._kinds = exact, kinds
        self._domain, self._conventions = tuple(domain), conventions
        self._numbers: dict[Hashable, int] = {}
        self._nodes = _parts(exact)
        self._symbols = sorted((node for node in self._nodes if node in kinds), key=list(kinds).index)
        self._own = self._stated({})
        self._of_loss = self._refined(None)
        self._alike = Counter(self._of_loss.values())
        self._known_colours: dict[sympy.Basic, _Colours] = {}
        self._proofs: dict[Hashable, list[tuple[PartialClaim, _Colours, Decision]]] = defaultdict(list)

    def proved(self, claim: PartialClaim) -> Decision | None:
        """The proof of another claim, renamed, if there is one for this claim."""
        if self._is_alone(claim.symbol):
            return None
        colours = self._colours(claim.symbol)
        for known, former, decision in self._proofs.get(_key(colours), ()):
            for names in _guesses(former, colours):
                if self._maps(names, known, claim) and (texts := self._texts(decision, names)) is not None:
                    return _renamed_decision(decision, names, texts)
        return None

    def add(self, claim: PartialClaim, decision: Decision) -> None:
        """Keep a proof; one whose conditions are in words is not kept, for these cannot be renamed."""
        kept = decision.status == "proved" and decision.witness is not None and not decision.unvalued
        if kept and not self._is_alone(claim.symbol) and self._texts(decision, {}) is not None:
            colours = self._colours(claim.symbol)
            self._proofs[_key(colours)].append((claim, colours, decision))

    def _is_alone(self, symbol: sympy.Basic) -> bool:
        """Whether no other symbol stands in the loss as this one does."""
        return self._alike[self._of_loss.get(symbol, -1)] < 2

    def _maps(self, names: _Renaming, known: PartialClaim, claim: PartialClaim) -> bool:
        """Whether a renaming maps the loss and all that is stated onto themselves, and one claim onto the other."""
        return (
            self._form(known.symbol, names) == self._form(claim.symbol, {})
            and self._form(known.claimed, names) == self._form(claim.claimed, {})
            and self._forms(known.needs, names) == self._forms(claim.needs, {})
            and [self._form(one, names) for one in known.beside] == [self._form(one, {}) for one in claim.beside]
            and self._stated(names) == self._own
        )

    def _texts(self, decision: Decision, names: _Renaming) -> dict[str, str] | None:
        """Each condition of a proof, renamed; None where one is in words that are no convention's."""
        texts = {need.text: need.renamed(names).text for need in decision.expressed}
        forms = {(self._form(one, {}), text): departure_text(one, text) for one, text in self._conventions.items()}
        for one, text in self._conventions.items():
            renamed = forms.get((self._form(one, names), text))
            texts |= {} if renamed is None else {departure_text(one, text): renamed}
        return texts if texts.keys() >= {*decision.conditions, *decision.exclusions} else None

    def _stated(self, names: _Renaming) -> Hashable:
        conventions = {(self._form(condition, names), text) for condition, text in self._conventions.items()}
        return self._form(self._exact, names), self._forms(self._domain, names), frozenset(conventions)

    def _forms(self, expressions: Iterable[sympy.Basic], names: _Renaming) -> frozenset[int]:
        return frozenset(self._form(expr, names) for expr in expressions)

    def _form(self, expr: sympy.Basic, names: _Renaming) -> int:
        """A number of the renamed expression: two have the same one only if they are equal up to the order of terms."""
        nodes = self._nodes if expr is self._exact else _parts(expr)
        return self._numbered(nodes, names)[nodes[-1]]

    def _numbered(self, nodes: Sequence[sympy.Basic], named: Mapping[sympy.Basic, Hashable]) -> dict[sympy.Basic, int]:
        """A number of each node: the same for the same function of the same arguments, whatever their order there."""
        numbers: dict[sympy.Basic, int] = {}
        for node in nodes:
            inner = [numbers[argument] for argument in node.args]
            if inner:
                numbers[node] = self._number((node.func, *(sorted(inner) if isinstance(node, _UNORDERED) else inner)))
            else:
                numbers[node] = self._number(("leaf", named.get(node, node)))
        return numbers

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _colours(self, symbol: sympy.Basic) -> _Colours:
        """A colour of each symbol, by how it stands in the loss beside the one that is differentiated by."""
        if symbol not in self._known_colours:
            self._known_colours[symbol] = self._refined(symbol)
        return self._known_colours[symbol]

    def _refined(self, symbol: sympy.Basic | None) -> _Colours:
        """A colour of each symbol, by how it stands in the loss, where one of them may have a colour of its own.

        Each round colours a symbol by all the places at which it stands; what a renaming exchanges has one colour.
        """
        colours = {one: self._number(("kind", self._kinds[one], one == symbol)) for one in self._symbols}
        count = 0
        while count < len(set(colours.values())):
            count = len(set(colours.values()))
            numbers = self._numbered(self._nodes, colours)
            places: dict[sympy.Basic, list[tuple[int, int]]] = defaultdict(list)
            for node in reversed(self._nodes):
                above = self._number(("above", *sorted(places[node])))
                for place, argument in enumerate(node.args):
                    ordered = -1 if isinstance(node, _UNORDERED) else place
                    places[argument].append((self._number((above, numbers[node])), ordered))
            colours = {one: self._number(("colour", colour, *sorted(places[one]))) for one, colour in colours.items()}
        return colours


def _parts(expr: sympy.Basic) -> list[sympy.Basic]:
    """The different parts of an expression, each after those that it is made of."""
    found: dict[sympy.Basic, None] = {}
    waiting = [(expr, False)]
    while waiting:
        node, entered = waiting.pop()
        if entered or not node.args:
            found[node] = None
        elif node not in found:
            waiting.append((node, True))
            waiting += [(argument, False) for argument in node.args if argument not in found]
    return list(found)


def _key(colours: _Colours) -> Hashable:
    return tuple(sorted(colours.values()))


def _guesses(first: _Colours, second: _Colours) -> Iterator[_Renaming]:
    """Renamings that keep the colours: one that leaves as many symbols as it can where they are, and one in order."""
    groups: dict[int, tuple[list[sympy.Basic], list[sympy.Basic]]] = defaultdict(lambda: ([], []))
    for place, colours in enumerate((first, second)):
        for symbol, colour in colours.items():
            groups[colour][place].append(symbol)
    least: dict[sympy.Basic, sympy.Basic] = {}
    for one, other in groups.values():
        kept = set(one) & set(other)
        least |= {symbol: symbol for symbol in kept}
        least |= zip((s for s in one if s not in kept), (s for s in other if s not in kept), strict=True)
    yield least
    yield {symbol: renamed for one, other in groups.values() for symbol, renamed in zip(one, other, strict=True)}


def _renamed_decision(decision: Decision, names: _Renaming, texts: Mapping[str, str]) -> Decision:
    """A proof of which all can be renamed, about other symbols."""
    assert decision.witness is not None
    return replace(
        decision,
        conditions=tuple(dict.fromkeys(texts[text] for text in decision.conditions)),
        exclusions=tuple(dict.fromkeys(texts[text] for text in decision.exclusions)),
        witness=_renamed(decision.witness, names),
        needs=None if decision.needs is None else tuple(need.renamed(names) for need in decision.needs),
        expressed=tuple(need.renamed(names) for need in decision.expressed),
    )


def _renamed(found: Counterexample, names: _Renaming) -> Counterexample:
    texts = {str(symbol): str(other) for symbol, other in names.items()}

    def of(point: Mapping[str, Fraction]) -> dict[str, Fraction]:
        return {texts.get(name, name): number for name, number in point.items()}

    return replace(found, point=of(found.point), samples=tuple(map(of, found.samples)))
