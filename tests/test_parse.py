"""Formula text is read without being run, exactly, and within bounds."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from representatives import one_in
from sample_calls import arguments_of, call_of

import diffexplore as dx
from diffexplore.errors import UsageError
from diffexplore.formula.functions_sympy import CONSTANT_VALUES
from diffexplore.formula.names import check_name
from diffexplore.formula.notation import reduction_of
from diffexplore.formula.parse import names_in, parse, parse_condition
from diffexplore.functions import CONSTANTS, FUNCTIONS, TABLE, Function
from diffexplore.functions.tables import builders

a, b, x, y = (sympy.Symbol(name, real=True) for name in "abxy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a*x - y + b", a * x - y + b),
        ("0.1*x + 1e-3", x / 10 + sympy.Rational(1, 1000)),
        ("1_000*x", 1000 * x),
        ("x^2", x**2),
        ("2**3**2", sympy.Integer(512)),
        ("-x**2", -(x**2)),
        ("x²·y − 3", x**2 * y - 3),
        ("x⁻¹", 1 / x),
        ("a +\n b", a + b),
        ("abs(x)", sympy.Abs(x)),
        ("ln(x) + log(x, 2)", sympy.log(x) + sympy.log(x) / sympy.log(2)),
        ("cbrt(x)", sympy.sign(x) * sympy.Abs(x) ** sympy.Rational(1, 3)),
        ("relu(x)", sympy.Max(0, x)),
        ("e**x + E - e", sympy.exp(x)),
        ("hypot(x, y)", sympy.sqrt(x**2 + y**2)),
        ("where(abs(x) <= 1 and x != 0, x, 1)", sympy.Piecewise((x, (sympy.Abs(x) <= 1) & sympy.Ne(x, 0)), (1, True))),
        ("Piecewise((x, x > 0), (0, True))", sympy.Piecewise((x, x > 0), (0, True))),
        ("trigamma(x) + polygamma(1, x)", 2 * sympy.polygamma(1, x)),
    ],
)
def test_reads_formulas(text: str, expected: sympy.Expr) -> None:
    assert parse(text) == expected


def test_symbols_are_real() -> None:
    assert all(symbol.is_real for symbol in parse("a*x + log(y)").free_symbols)


def test_a_factor_in_a_denominator_stays_factored() -> None:
    assert sympy.srepr(parse("x/(2*(a + 1))")) == sympy.srepr(sympy.Mul(sympy.Rational(1, 2), x, 1 / (a + 1)))


REFUSED = [
    ('__import__("os")', "unknown function '__import__'"),
    ("__import__", "begins with '_'"),
    ("x.__class__", "attributes"),
    ("lambda x: x", "lambda"),
    ("'a'", "strings"),
    ("f'{x}'", "strings"),
    ("[x for x in y]", "comprehensions"),
    ("x if y else 1", "where(condition, a, b)"),
    ("where(0 < x < 1, x, 0)", "0 < x and x < 1"),
    ("x < y", "only in the condition"),
    ("not x", "only in the condition"),
    ("where(x, 1, 2)", "a condition compares"),
    ("where((x > 0) & (y > 0), 1, 2)", "'and' or 'or'"),
    ("x[0]", "indexing"),
    ("(x, y)", "tuples"),
    ("x := 2", "formula"),
    ("x = 2", "no '='"),
    ("x; y", "';'"),
    ("x # note", "comments"),
    ("1j*x", "real numbers"),
    ("True", "True cannot stand"),
    ("x % 2", "'%'"),
    ("x // 2", "'//'"),
    ("~x", "'~'"),
    ("sgmoid(x)", "did you mean 'sigmoid'"),
    ("x(y + 1)", "write '*'"),
    ("2(x + 1)", "write '*'"),
    ("2x", "write '*'"),
    ("max(x)", "2 or more arguments, not 1"),
    ("sin(x, y)", "1 argument, not 2"),
    ("log(x=2)", "no named arguments"),
    ("sin(*x)", "starred"),
    ("Piecewise((x, x > 0))", "the condition True"),
    ("gamma*x", "'gamma' is a function"),
    ("lambda*x", "'lambda' is a word of Python"),
    ("", "empty"),
    ("   ", "empty"),
    ("a +", "ends too early"),
    ("a*(b", "never closed"),
    ("a*b)", "unmatched"),
    ("x $ y", "near '$ y'"),
    ("n" * 41, "longer than 40"),
    # sizes
    ("9**9**9", "exponent"),
    ("x**(10**300)", "exponent"),
    ("(x**1000)**1000", "exponent"),
    ("x**1001", "exponent"),
    ("1e999999999", "beyond"),
    ("1" * 401, "400 digits"),
    ("(10**300)**300", "too large"),
    ("(2**999*x)**999", "too large"),
    ("gamma(10**9)", "too large"),
    ("exp(exp(exp(100)))", "too large"),
    ("max(exp(10**300), 1)", "too large"),
    ("polygamma(11, x)", "whole number from 0 to 10"),
    ("polygamma(x, x)", "whole number"),
    ("(" * 1_000_000 + "x" + ")" * 1_000_000, "at most 10,000"),
    ("(" * 4000 + "x" + ")" * 4000, "nested too deeply"),
    ("-" * 9000 + "x", "nested too deeply"),
    ("x**" * 3000 + "x", "nested too deeply"),
    ("sin(" * 201 + "x" + ")" * 201, "nested too deeply"),
    # values
    ("1/0", "division by zero"),
    ("x/(1 - 1)", "division by zero"),
    ("x/(sin(1)**2 + cos(1)**2 - 1)", "division by zero"),
    ("0**-1", "division by zero"),
    ("log(0)", "infinite or undefined"),
    ("atan2(0, 0)", "infinite or undefined"),
    ("log(x, 0)", "infinite or undefined"),
    ("log(x, 2 - 2)", "infinite or undefined"),
    ("x + log(2, 0)", "infinite or undefined"),
    ("sqrt(-1)", "not real"),
    ("log(-1)*x", "not real"),
    ("asin(2)", "not a real number"),
    ("sqrt(sin(3) - 1)", "not a real number"),
    ("digamma(1)", "digamma of a constant"),
    ("polygamma(2, 1)", "polygamma of a constant"),
]


@pytest.mark.parametrize(("text", "part"), REFUSED, ids=[text[:30] for text, _ in REFUSED])
def test_refuses_in_one_line(text: str, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    message = str(caught.value)
    assert part in message
    assert "\n" not in message
    assert len(message) < 250


def test_long_sums_are_not_deep() -> None:
    assert parse("+".join(["x"] * 2500)) == 2500 * x


def outcome(text: str) -> sympy.Expr | str:
    """What parsing gives: an expression, or the message of the UsageError; any other error passes."""
    try:
        return parse(text)
    except UsageError as error:
        return str(error)


@settings(max_examples=10)
@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_a_usage_error(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, sympy.Expr) or "\n" not in result


@given(st.text(alphabet="abxy0123456789.+-*/^()<>=,_ e'\"[]{}:%@~!#\\", max_size=40))
def test_text_of_formula_characters_is_a_formula_or_a_usage_error(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, sympy.Expr) or "\n" not in result


class _Audit:
    """Records what the interpreter itself reports as run, opened or started."""

    def __init__(self) -> None:
        self.events: list[str] | None = None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, _: tuple[object, ...]) -> None:
        if self.events is not None and event in ("exec", "open", "import", "os.system", "subprocess.Popen"):
            self.events.append(event)

    def during(self, work: Callable[[], object]) -> list[str]:
        self.events = []
        try:
            work()
        except UsageError:
            pass
        finally:
            seen, self.events = self.events, None
        return seen


_AUDIT = _Audit()


@pytest.mark.parametrize(
    "text", ["a*x + sin(1)", '__import__("os").system("true")', "open(x)", "exec(x)", "print(x)", "S.x"]
)
def test_text_is_never_run(text: str) -> None:
    parse("a*x + 1")  # whatever is imported on first use
    assert _AUDIT.during(lambda: parse(text)) == []
    assert "exec" in _AUDIT.during(lambda: sympy.sympify("a*x + 1")), "the audit sees text that is run"


def test_only_allowed_symbols() -> None:
    assert parse("a*x", allowed=("a", "x")) == a * x
    with pytest.raises(UsageError, match="unknown symbol 'alpa': did you mean 'alpha'"):
        parse("alpa*x", allowed=("alpha", "x"))


def test_names_in_order_of_appearance_without_sympy() -> None:
    assert names_in("b*sin(x) + a*pi - b") == ("b", "x", "a")
    code = (
        "import sys; from diffexplore.formula.syntax import read, names_of; names_of(read('a*x')); "
        "import diffexplore.functions; sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_conditions() -> None:
    assert parse_condition("x > 0 and y != 1") == (x > 0) & sympy.Ne(y, 1)
    with pytest.raises(UsageError, match="not a comma"):
        parse_condition("x > 0, y > 0")
    with pytest.raises(UsageError, match="a condition compares"):
        parse_condition("x + 1")


@pytest.mark.parametrize("name", ["1a", "a b", "", "_a", "and", "True", "if", "a.b", "x" * 41])
def test_names_that_cannot_be_symbols(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


def test_unicode_names_are_normalised_as_in_formulas() -> None:
    assert check_name("µ") == "μ"
    assert names_in("µ*x") == ("μ", "x")


def test_every_function_of_the_table_builds() -> None:
    assert set(builders()) == {entry.name for entry in TABLE}
    assert set(CONSTANT_VALUES) == CONSTANTS
    for name, entry in FUNCTIONS.items():
        if entry.name == "Piecewise":
            continue
        assert parse(f"{name}({arguments_of(entry.name, 'x', 'y')})").free_symbols


@pytest.mark.parametrize("entry", one_in(3, [entry for entry in TABLE if entry.name not in ("where", "Piecewise")]))
def test_a_function_of_itself_is_read_also_within_a_condition(entry: Function) -> None:
    def of(argument: str) -> str:
        return call_of(entry.name, argument, "y")

    twice = of(of("x/4"))
    for text in (twice, f"where({twice} > 1/5, x, y)", of(f"where({of('x')} > 1, x, y)")):
        assert parse(text).free_symbols


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("2x", "2*x"),
        ("a x + b", "a*x + b"),
        ("3x^2 y", "3*x**2*y"),
        ("2(x + 1)", "2*(x + 1)"),
        ("(a + b)(x - y)", "(a + b)*(x - y)"),
        ("x(y + 1)", "x*(y + 1)"),
        ("2 sin(x)cos(y)", "2*sin(x)*cos(y)"),
        ("sin x", "sin(x)"),
        ("2e3x", "2e3*x"),
        ("2π r", "2*pi*r"),
        ("2|x|", "2*abs(x)"),
        ("|x||y|", "abs(x)*abs(y)"),
        (r"\frac{a x - y}{2}", "(a*x - y)/2"),
        (r"\tfrac12 x", "(1/2)*x"),
        (r"\frac{1}{N}\sum_{i=1}^{N} (a x_i - y_i)^2", "mean((a*x - y)**2)"),
        (r"\sum_{k} x_k w_1", "sum(x*w1)"),
        (r"\sqrt{a^2 + b^2} + \sqrt[3]{x}", "sqrt(a**2 + b**2) + (x)**(1/3)"),
        (r"\sin^2 x + \cos\left(x\right)", "sin(x)**2 + cos(x)"),
        (r"\alpha \cdot x_1 + \beta", "alpha * x1 + beta"),
        (r"\log(1 + e^{-x})", "log(1 + e**(-x))"),
        (r"\left|a x\right|", "abs(a*x)"),
        (r"\sigma(x) + \operatorname{relu}(y)", "sigmoid(x) + relu (y)"),
        ("e^{-x}", "e**(-x)"),
        ("1/2x", "1/2*x or 1/(2*x)"),
        ("a b/c d + 1", "a*b/c*d + 1, or as a*b/(c*d) + 1"),
        ("1/2|x|", "1/2*abs(x), or as 1/(2*abs(x))"),
        ("x/y^2 z", "x/y**2*z, or as x/(y**2*z)"),
        ("1/2a(b + 1)c - 3", "1/2*a*(b + 1)*c - 3 or 1/(2*a*(b + 1)*c) - 3"),
        ("x/2 + 3y", "x/2 + 3*y"),
        ("½(a x)", "(1/2)*(a*x)"),
        ("sin^2(x + 1) + cos² y", "sin(x + 1)**2 + cos(y)**2"),
        ("sin x + 2y", "sin(x) + 2*y"),
        ("1/(2N) sum (a x - y)^2/(a^2 + 1)", "mean((a*x - y)**2/(a**2 + 1)/2)"),
        ("-1/N Σ y log(x)", "mean(-y*log(x))"),
        (r"\frac{1}{2N}\sum_{i=1}^{N} (a x_i - y_i)^2", "mean((a*x - y)**2/2)"),
        (r"-\frac1N \sum_i [y_i \log \sigma(x_i) + 1]", "mean(-(y*log(sigmoid(x)) + 1))"),
        (r"\frac{1}{N}\sum_i x_i^2 + \lambda w^2", "mean(x**2 + lambda_*w**2)"),
    ],
)
def test_what_is_nearly_a_formula_is_corrected(text: str, better: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.endswith((f"as in {better}", f"write it as {better}"))
    for reading in re.split(", or as | or ", better):
        said, summand = reduction_of(reading)
        assert said is None or reading.startswith(said)
        parse(summand)


@pytest.mark.parametrize(("text", "names", "better"), [
    ("log(1 + e^(-ax))", ["a"], "log(1 + e^(-a*x))"),
    ("(ax - y)**2/2 + ab", ["a", "b"], "(a*x - y)**2/2 + a*b"),
    ("exp(ax) + abs(a2)", ["a"], "exp(a*x) + abs(a2)"),
])  # fmt: skip
def test_a_symbol_inside_a_name_is_told_from_it(text: str, names: list[str], better: str) -> None:
    with pytest.raises(UsageError, match="is a name of its own: write it as") as caught:
        dx.check(text, at=dict.fromkeys(names, 1.0), data={"x": [1.0], "y": [1.0]})
    assert str(caught.value).endswith(f"write it as {better}")


@pytest.mark.parametrize(("sign", "value"), [("½", "1/2"), ("¾", "3/4"), ("⅓", "1/3")])
def test_fractions_of_one_sign_are_numbers(sign: str, value: str) -> None:
    assert parse(f"{sign}*x^{sign}") == parse(f"({value})*x**({value})")
    for joined in (f"2{sign}", f"x{sign}"):
        with pytest.raises(UsageError):
            parse(joined)


@pytest.mark.parametrize(
    "text",
    [
        *("sin 2x", "sin x y", "sin x^2", "log x/y", "sin x*y", "sin^-1(x)", "sin² x y", "1/N sum x^2 + x y"),
        *(r"\sin 2x", r"\log x y", r"\sin x^2", r"\cos x \cdot y", r"\sum_i x_i^2 + \lambda w^2", "2½ x"),
        *("1.5.2", "1 000", "x..y", "f(", "a b)", "2x ?", r"\foo{x}", r"\frac{a", "\\", "{", "x}{y"),
    ],
)
def test_no_correction_is_guessed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "write it as" not in str(caught.value)
    assert "as in" not in str(caught.value)


@pytest.mark.parametrize("text", ["mean((a*x - y)**2)", " mean ( (a*x - y)**2 ) ", "mean[(a*x - y)**2]"])
def test_the_reduction_stands_around_a_formula(text: str) -> None:
    said, summand = reduction_of(text)
    assert (said, parse(summand)) == ("mean", (a * x - y) ** 2)


@pytest.mark.parametrize("text", ["2*mean(x)", "mean(x) + mean(y)", "mean(x)*sum(y)"])
def test_a_reduction_within_a_formula_is_refused(text: str) -> None:
    assert reduction_of(text) == (None, text)
    with pytest.raises(UsageError, match="it stands around the whole formula"):
        parse(text)


@pytest.mark.parametrize("text", ["\\frac" * 1900, "{" * 9999, "\\sqrt{" * 1600, "2x" * 4999, "|" * 9999, "^" * 9999])
def test_hostile_texts_are_corrected_or_refused_at_once(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize("sign", ["==", "!=", ">", "<="])
def test_comparisons_that_sympy_turns_around_for_ever_are_read(sign: str) -> None:
    found = parse(f"where(log(2*s) + abs(x - m)/s {sign} exp(a*x + b) - y*(a*x + b), 1, 2)")
    at = {"s": 1, "x": 3, "m": 1, "a": 0, "b": 0, "y": 2}  # log(2) + 2 against 1
    expected = 1 if sign in ("!=", ">") else 2
    assert found.subs({symbol: at[symbol.name] for symbol in found.free_symbols}) == expected
