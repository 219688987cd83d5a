"""Whatever the text: it is read or refused in one line, by counts of the work that it would take."""

from __future__ import annotations

import inspect
import sys

import mpmath
import pytest
import sympy
from representatives import each_value

import diffexplore as dx
from benchmarks import hostile_texts
from benchmarks._hostile import is_net, tried
from diffexplore.errors import UsageError
from diffexplore.formula.budget import Budget
from diffexplore.formula.effort import MAX_WORK
from diffexplore.formula.parse import names_in, parse, parse_condition
from diffexplore.functions import TABLE

a, x, y, z = (sympy.Symbol(name, real=True) for name in "axyz")


def nested(pattern: str, depth: int) -> str:
    text = "x"
    for _ in range(depth):
        text = pattern.format(text)
    return text


WORKED = "takes too much work to read"

DIGITS = "a power of a number has more than 2,400 digits"

REFUSED = {
    "cbrt": (nested("cbrt({})", 20), WORKED),
    "cbrt of sums": (nested("cbrt(1 + {})", 20), WORKED),
    "abs": (nested("abs(x + {})", 100), WORKED),
    "lgamma": (nested("lgamma(x + {})", 100), WORKED),
    "sinh of roots": (nested("square(sinh({}))", 8).replace("x", "sqrt(x)"), WORKED),
    "roots of squares": (nested("sin(sqrt({}))**2", 8), WORKED),
    "exp2": (nested("exp2(1 + {})", 60), WORKED),
    "max": (f"max({','.join(f'x + {i}*y' for i in range(100))})", WORKED),
    "nested max": (nested("max(x + {}, y)", 100), WORKED),
    "tower": ("9**2**0.5**" + "2**0.5**" * 12 + "x", WORKED),
    "powers of sums": ("**".join(["(x + 1)"] * 100), WORKED),
    "cases": (f"where({' + '.join(f'where(x > {i}, x, y)' for i in range(9))} > 1, 1, 2)", "more than 64 cases"),
    "conditions in conditions": (nested("where({} > 0, x, y)", 60), WORKED),
    "exponent in a branch": ("where((a/(1e10*x))**where(z < 1, 1e10, y) > 10, 1, 2)", "beyond ±1,000"),
    "exponent in a maximum": ("x**max(y, 5000)", "beyond ±1,000"),
    "exponents that multiply": ("(x**where(z < 1, 999, y))**999", "beyond ±1,000"),
    "number in a branch": ("(where(z < 1, 1e300, y)*x)**500", "more than 2,400 digits"),
    "constant in a case": ("where(exp(where(z < 1, 1e9, y)) > 1, 1, 2)", "the argument of exp is beyond"),
    "copies of inverses": (nested("sin(atan(sigmoid({})))", 17), WORKED),
    "roots of inverses": (nested("cos(atan(x + {}))", 12), WORKED),
    "fractions in fractions": (nested("1/(1 + (x + {})**2)", 14), WORKED),
    "fractions that are positive": (nested("1/sqrt(1 + abs({}))", 24), WORKED),
    "sinh of what may not be real": (nested("sinh({})", 18).replace("x", "gamma(x)"), WORKED),
    "sech of what may not be real": (nested("sech(x + {})", 8).replace("x", "log(x)"), WORKED),
    "steps": (f"heaviside({nested('tan({})', 30).replace('x', 'sqrt(x)')})", WORKED),
    "conjunction": (f"where({' and '.join(f'x > {i}' for i in range(700))}, x, y)", WORKED),
    "functions side by side": ("+".join(f"abs(sin(x) - {i}*y)" for i in range(490)), WORKED),
    "long numbers": ("*".join(["1e300"] * 1600), WORKED),
    "csc of what may not be real": (f"log(x + csch(x + {nested('csc(x + {})', 8).replace('x', 'a**x')}))", WORKED),
    "csch of what may be infinite": (nested("csch(x + {})", 20).replace("x", "exp2(1/a)"), WORKED),
    "values of constants": (nested("coth({})", 60).replace("x", "2"), WORKED),
    "logarithms of constants": (nested("log(cosh({}))", 12).replace("x", "2"), WORKED),
    "choices of constants": (f"where({nested('erfc({})', 60).replace('x', '2')} > y, 1, y)", WORKED),
    "a power of a sum in a tower": ("1e5**0.5**9**y**(x + 1)**2**9", WORKED),
    "a power that cancels in a tower": ("2**(-y**(x + 1)**(x - x + 512))", WORKED),
    "a power of what may not be real": ("2**(-y**(x*log(y/(y - x)))**512)", WORKED),
    "a power of a sum that may not be real": ("2**(-9**2**(log(x/s) + log(1 + (x/s + b)**2))**9)", WORKED),
    "a power in a case": ("where(y**0.5**x**log(y/x)**where(x < 1, 2, y)**9 <= 1, x, y)", WORKED),
    "a product of sums in a tower": ("3**(-y**((x + y + 1)**9*(x + a)**9))", WORKED),
    "a power of a sum in sinh": ("log(sinh(log(x) + (x + y)**256))", WORKED),
    "a number added to an exponent": ("where(x < 1, 2, y)**0.5**y**9**(x + 1e400)", DIGITS),
    "a number in an exponent, multiplied out": ("0.5**y**0.3**((x + 1e90)*(y - 1e90/3))", DIGITS),
    "a number left of what cancels": ("2**y**9**(x - (x + 1e390)*(y + 1)/(y + 1))", DIGITS),
    "no condition": (f"where({'+'.join(['y'] * 500)}, 1, 2)", "a condition compares"),
}


@pytest.mark.parametrize(("text", "part"), REFUSED.values(), ids=REFUSED)
def test_what_would_take_long_is_refused_by_name(text: str, part: str) -> None:
    with pytest.raises(dx.UsageError) as caught:
        dx.Loss(text, parameters=names_in(text))
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "text",
    [
        nested("tanh(w*{} + b)", 8),
        nested("relu(w*{} + b)", 8),
        nested("sqrt(1 + {})", 20),
        nested("cbrt({})", 3),
        f"max({','.join(f'x{i}' for i in range(20))})",
        " + ".join(f"v{i}*softplus(w{i}*x)" for i in range(100)),
        "x**where(z < 1, 999, y)",
        "2**x**2",
        nested("tanh(w*{} + b)", 12),
        nested("sqrt(x*{})", 6),
        nested("1/(1 + exp(-w*{} - b))", 6),
        nested("1/(x + {})", 7),
        "tan(asin(n*sin(x)))*cos(atan(x/y))",
        "heaviside(sqrt(x**2 + y**2) - a)*tanh(log(x))",
        " + ".join(f"v{i}*tanh(w{i}*x + b{i})" for i in range(100)),
        f"where({' and '.join(f'x > y{i}' for i in range(64))}, x, y)",
    ],
)
def test_what_people_write_is_read(text: str) -> None:
    assert parse(text).free_symbols


def test_domains_are_bounded_as_formulas_are() -> None:
    for text in (nested("cbrt({})", 20) + " > 1", "not " * 3000 + "x > 1", "(" * 500 + "x" + ")" * 500 + " > 1"):
        with pytest.raises(dx.UsageError):
            dx.Loss("a*x", parameters="a", data="x", domain=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("where(x > 0, x, y) > 1", ((x > 0) & (x > 1)) | ((x <= 0) & (y > 1))),
        ("where(x > 0, x, y) > where(x > 0, x, y) - 1", sympy.true),
        ("2*where(x > 0, 1, y)**2 > 1", (x > 0) | ((x <= 0) & (2 * y**2 > 1))),
        ("Piecewise((x, x > 0), (y, y > 0), (z, True)) > 1",
         ((x > 0) & (x > 1)) | ((x <= 0) & (y > 0) & (y > 1)) | ((x <= 0) & (y <= 0) & (z > 1))),
    ],
)  # fmt: skip
def test_a_comparison_of_branches_is_read_case_by_case(text: str, expected: sympy.Basic) -> None:
    found = parse_condition(text)
    for values in ((2, 3, 5), (-1, 2, 5), (-1, -2, 3), (sympy.Rational(1, 2), 2, 0), (-1, sympy.Rational(1, 2), -4)):
        point = dict(zip((x, y, z), values, strict=True))
        assert found.subs(point) == expected.subs(point)


def test_the_far_net_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.formula.effort.MAX_WORK", 10 * MAX_WORK**3)
    monkeypatch.setattr("diffexplore.formula.made.NET", Budget(operations=1_000_000, seconds=0.05))
    with pytest.raises(dx.UsageError, match="out of time"):
        parse(nested("cbrt(1 + {})", 14))


def test_what_sympy_makes_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against all weights: sin(atan(x)) is written with x twice."""
    monkeypatch.setattr("diffexplore.formula.effort.MAX_WORK", 10 * MAX_WORK**3)
    with pytest.raises(dx.UsageError, match="SymPy makes more than 200,000 nodes"):
        parse(nested("tan(acos({}))", 30))
    assert parse(nested("tan(acos({}))", 3)).free_symbols == {x}


@pytest.mark.parametrize("left", [120, 200, 300])
def test_a_caller_that_is_deep_in_its_own_functions_gets_no_recursion_error(left: int) -> None:
    used = len(inspect.stack(0))

    def call(depth: int) -> str:
        if depth:
            return call(depth - 1)
        try:
            return "read" if parse(nested("sin({})", 60)).free_symbols else "nothing"
        except dx.UsageError as error:
            return str(error)

    assert call(sys.getrecursionlimit() - used - left).startswith(("read", "the formula is nested too deeply"))


@pytest.mark.parametrize("seed", [11, 12])
def test_mutated_texts(seed: int) -> None:
    for text in hostile_texts.texts(seed, 0, 60):
        ending, _ = tried(text, hostile_texts.read_text)
        assert ending.partition(" ")[0] in ("read", "refused", "SLOW"), text[:300]


@pytest.mark.slow
def test_the_published_sweep_of_texts() -> None:
    counts, troubles, _ = hostile_texts.work((3, 0, 5000))
    assert not troubles
    assert counts["read"] > 100


INNER = ["abs(A)/sqrt(B)", "where(x > 0, 1/tanh(m*x) - 1/(m*x), (a*x + b - y)**2)", "exp2(1/x)", "a**x", "2"]


@pytest.mark.parametrize(("place", "pattern"), each_value(range(len(INNER)), ["{}({})", "{}(x + {})"]))
def test_deep_nests_are_refused_by_work_and_not_by_time(pattern: str, place: int) -> None:
    """Every function around one of the texts, and shifted around another one."""
    for entry in TABLE[(place + len(pattern)) % len(INNER) :: len(INNER)]:
        text = INNER[place]
        for _ in range(20):
            text = pattern.format(entry.name, text)
        try:
            if entry.accepts(1) and entry.name != "Piecewise":
                parse(text)
        except UsageError as error:
            assert not is_net(error), text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p*exp(-h/H) > U - R*T*log(c)", 2),
        ("log(2*s) + abs(x - m)/s > exp(a*x + b) - y*(a*x + b) and not p*exp(-h/H) > U - R*T*log(c)", 1),
        ("where(x > 0, log(s) + log1p((x/s)**2), U - R*T*log(c)) == p*exp(-h/H)", 1),
    ],
)
def test_comparisons_that_sympy_turns_around_for_ever_are_read(text: str, expected: int) -> None:
    values = {"p": 1, "h": 1, "H": 1, "U": -1, "R": 1, "T": 1, "c": 2, "s": 1, "x": 1, "m": 0, "a": 1, "b": 1, "y": 0}
    at = {sympy.Symbol(name, real=True): value for name, value in values.items()}
    assert parse(f"where({text}, 2, 1)").subs(at) == expected


@pytest.mark.parametrize("function", ["sigmoid", "softplus"])
def test_values_of_nested_constants(function: str) -> None:
    with mpmath.workdps(40):
        expected = mpmath.mpf(-3)
        for _ in range(13):
            one = mpmath.exp(expected)
            expected = one / (1 + one) if function == "sigmoid" else mpmath.log1p(one)
        found = parse(nested(f"{function}({{}})", 13).replace("x", "(-3)")).evalf(30)
        assert abs(mpmath.mpf(str(found)) - expected) < mpmath.mpf(10) ** -28
