"""Terms of the gradient that are missing, extra or have the wrong sign, and paths of the chain rule that are cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import sympy
from flint import arb

from diffexplore.formula.derive import differentiate
from diffexplore.formula.forms import can_be_multiplied_out
from diffexplore.formula.text import to_text
from diffexplore.lists import shortened
from diffexplore.numerals import short
from diffexplore.verifying.diagnosis.admitted import Admitted
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction, exactly, explains, truth_of
from diffexplore.verifying.diagnosis.scene import Scene, SceneUnavailable, exact_partial

_MOST_PATHS = 24
_MOST_TERMS = 8
_MOST_SHARES = 6
_MOST_FACTORS = 5
_LONGEST = 70


def additive_terms(scenes: Sequence[Scene], name: str) -> list[sympy.Expr]:
    """The terms that the rules of differentiation give, and those of the expanded numerator."""
    problem = scenes[0].problem
    raw = exact_partial(problem, name)
    found = list(sympy.Add.make_args(raw))
    simplified = problem.loss.gradient(problem.wrt)[name]
    for form in filter(can_be_multiplied_out, (raw, simplified)):
        parts = sympy.Add.make_args(sympy.expand_mul(form, deep=False))
        if 1 < len(parts) <= _MOST_TERMS:
            found += parts
    return list(dict.fromkeys(term for term in found if term != 0))[: 2 * _MOST_TERMS]


def missing(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """One term of a sum left out, taken with the wrong sign, or twice."""
    terms = additive_terms(scenes, name)
    whole = exact_partial(scenes[0].problem, name)
    for term in terms:
        if term == whole:
            continue
        text, basis = text_of(term), exactly(name, term)
        for key, words, times, rank in (
            ("missing_term", "missing the term", -1, 2), ("sign_of_term", "has the wrong sign on the term", -2, 2.2),
            ("extra_term", "counts twice the term", 1, 2.2),
        ):  # fmt: skip
            yield Hypothesis(key, f"{words} {text}", rank, plus(name, basis, arb(times)), {"term": text})
        found = multiple(name, scenes, basis)
        if found is not None:
            counted = f"counts {1 + found[0]:.6g} times the term {text}"
            fields = {"term": text, "coefficient": found[0], "uncertainty": found[1]}
            yield Hypothesis("extra_term", counted, 2.9, plus(name, basis, arb(*found)), fields, fitted=1)


def cut_paths(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The derivative with one subexpression of the loss held constant, as detach or a forgotten rule does."""
    problem = scenes[0].problem
    loss, symbol = problem.loss.expression, problem.loss.symbols[name]
    truth = exact_partial(problem, name)
    known = {sympy.Integer(0), truth}
    for rank, words, held_loss, back in (*_paths(loss, symbol), *_shares(loss, symbol)):
        rest = differentiate(held_loss, symbol).xreplace(back)
        if rest in known:
            continue
        known.add(rest)
        if not explains(exactly(name, rest), scenes, name):  # before a text is made: tidying may take long
            continue
        lost = text_of(_tidied(truth - rest))
        message = f"missing {lost}: as if {words} did not depend on {name} (a detach, or a rule left out)"
        fields = {"term": lost, "path": words}
        yield Hypothesis("cut_path", message, rank, exactly(name, rest), fields, mistake="path")


#: The loss with a dummy for what is held, and what the dummy stands for.
_Held = tuple[float, str, sympy.Expr, dict[sympy.Expr, sympy.Expr]]


def _paths(loss: sympy.Expr, symbol: sympy.Symbol) -> Iterator[_Held]:
    """Each subexpression held constant."""
    for part in _nodes(loss, symbol)[:_MOST_PATHS]:
        held = sympy.Dummy("held", real=True)
        yield 0.9, text_of(part), loss.xreplace({part: held}), {held: part}


def _shares(loss: sympy.Expr, symbol: sympy.Symbol) -> Iterator[_Held]:
    """Some factors of a power or a product held constant: the a² of an a³, where the code computes it by itself."""
    nodes = [loss, *_nodes(loss, symbol)]
    for node in [node for node in nodes if node.is_Pow and node.exp.is_Integer][:_MOST_SHARES]:
        whole = int(node.exp)
        for count in range(1, min(abs(whole), _MOST_FACTORS)):
            part = node.base**count if whole > 0 else node.base**-count
            words = f"one factor {text_of(part)} of" if count == 1 else f"{text_of(part)} in"
            held = sympy.Dummy("held", real=True)
            yield 1.15, f"{words} {text_of(node)}", loss.xreplace({node: held * node / part}), {held: part}
    for node in [node for node in nodes if node.is_Mul][:_MOST_SHARES]:
        factors = [factor for factor in node.args if factor.has(symbol)]
        for first, second in itertools.islice(itertools.combinations(factors, 2), _MOST_FACTORS):
            if len(factors) > 2:
                held, part = sympy.Dummy("held", real=True), first * second
                words = f"{text_of(part)} in {text_of(node)}"
                yield 1.15, words, loss.xreplace({node: held * node / part}), {held: part}


def _nodes(loss: sympy.Expr, symbol: sympy.Symbol) -> list[sympy.Expr]:
    found = [
        node for node in sympy.preorder_traversal(loss)
        if isinstance(node, sympy.Expr) and node.has(symbol) and node not in (loss, symbol)
    ]  # fmt: skip
    return list(dict.fromkeys(found))


def wrong_powers(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """A factor of the closed form left out, or with its exponent off by one."""
    problem = scenes[0].problem
    simplified = problem.loss.gradient(problem.wrt)[name]
    for factor in sympy.Mul.make_args(simplified):
        base, exponent = factor.as_base_exp()
        if base.is_number or not exponent.is_Integer:
            continue
        for wrong in (exponent - 1, exponent + 1):
            other = simplified / factor * base**wrong
            message = f"its factor {text_of(base**wrong)} should be {text_of(factor)}"
            if wrong == 0:
                message = f"the factor {text_of(factor)} is left out"
            yield Hypothesis("wrong_power", message, 2.3, exactly(name, other), {"factor": text_of(factor)})


def extra(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """A multiple of something simple added: a constant, the parameter itself (weight decay), another partial."""
    problem = scenes[0].problem
    symbol = problem.loss.symbols[name]
    added: list[tuple[str, Prediction]] = [
        ("an additive constant", lambda scene: [arb(1)] * len(scene.values(name))),
        (f"{name} itself (weight decay?)", lambda scene: _unweighted(scene, name, symbol)),
        (f"the sign of {name} (an L1 penalty?)", lambda scene: _unweighted(scene, name, sympy.sign(symbol))),
    ]
    added += [
        (f"the partial by {other}", truth_of(other))
        for other in problem.wrt if other != name and scenes[0].by_sample(other) == scenes[0].by_sample(name)
    ]  # fmt: skip
    for words, basis in added:
        factor = multiple(name, scenes, basis)
        if factor is None:
            continue
        middle, uncertainty = factor
        message = f"an extra term: {short(middle, 6)} (± {short(uncertainty)}) times {words}"
        if words == "an additive constant":
            message = f"an extra constant {short(middle, 6)} (± {short(uncertainty)})"
        fields = {"coefficient": middle, "of": words, "uncertainty": uncertainty}
        yield Hypothesis("extra_term", message, 3.5, plus(name, basis, arb(middle, uncertainty)), fields, fitted=1)


def multiple(name: str, scenes: Sequence[Scene], basis: Prediction) -> tuple[float, float] | None:
    """The multiple of ``basis`` that is added in every scene, if there is one and it is not 0."""
    admitted = Admitted()
    for scene in scenes:
        try:
            pairs = list(zip(scene.numbers(name), basis(scene) or [], strict=True))
        except SceneUnavailable:
            continue
        for (value, bound, truth), unit in pairs:
            size = float(unit.mid())
            if size != 0:
                ratio, room = float((arb(value) - truth).mid()) / size, scene.slack(value, bound) / abs(size)
                admitted.narrow(ratio, room)
    return admitted.unlike(0)


def _unweighted(scene: Scene, name: str, expression: sympy.Expr) -> list[arb]:
    """A term that is added once, not for every sample."""
    parts = scene.at_samples(expression)
    return parts if scene.by_sample(name) else parts[:1]


def plus(name: str, basis: Prediction, factor: arb) -> Prediction:
    """The partial and a multiple of ``basis``."""

    def predict(scene: Scene) -> list[arb] | None:
        added = basis(scene)
        if added is None:
            return None
        return [truth + factor * unit for truth, unit in zip(scene.truth(name), added, strict=True)]

    return predict


def _tidied(expression: sympy.Expr) -> sympy.Expr:
    factored = sympy.factor_terms(expression)
    return factored if len(str(factored)) < len(str(expression)) else expression


def text_of(expression: sympy.Expr) -> str:
    """The expression as a line has room for it."""
    return shortened(to_text(expression), _LONGEST)
