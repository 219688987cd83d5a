"""Declarations, float constants, single operators, and losses read from torch functions."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
import sympy
import torch
import torch.nn.functional as F
from representatives import one_in
from test_tracing import assert_agrees

import diffexplore as dx
from benchmarks.torch_programs import CATALOGUE, TorchProgram
from diffexplore import UsageError
from diffexplore.formula.recognise import itself, recognise
from diffexplore.tracing.declarations import declare
from diffexplore.tracing.reading import loss_of
from diffexplore.tracing.trace import trace

# ------------------------------------------------------------------------------------------------- declarations


def names(spec: object) -> list[str]:
    return [symbol.name for array in declare(spec) for symbol in array.symbols]  # type: ignore[arg-type]


def test_declarations_give_a_symbol_to_each_entry() -> None:
    assert names("a, b") == names(["a", "b"]) == names({"a": (), "b": ()}) == ["a", "b"]
    assert names("w[3] b") == names({"w": 3, "b": ()}) == ["w1", "w2", "w3", "b"]
    assert names(["W[2,2]"]) == ["W1_1", "W1_2", "W2_1", "W2_2"]
    assert [array.text for array in declare("W[3,2], b")] == ["W[3,2]", "b"]
    assert all(symbol.is_real for array in declare("w[2]") for symbol in array.symbols)
    assert declare("") == declare([]) == ()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (["w[3]", "w1"], "the symbol 'w1' is declared twice"),
        ("a a", "the name 'a' is declared twice"),
        (["w[n]"], "not made of numbers"),
        (["w[0]"], "axis without entries"),
        (["w["], "declares no argument"),
        (["1a"], "cannot name a symbol"),
        ({"w": (3.5,)}, "whole numbers"),
        ("w[1000]", "at most 400"),
        ("and", "is a word of formulas"),
    ],
)
def test_unusable_declarations_are_refused(spec: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        declare(spec)  # type: ignore[arg-type]


def test_parameters_and_data_may_not_share_a_symbol() -> None:
    with pytest.raises(UsageError, match="the symbol 'x1' is declared twice"):
        trace(lambda x1, x: (x1 * x).mean(), parameters="x1", data="x[2]")


# ---------------------------------------------------------------------------------------------- float constants

pi, sqrt, log, Rational = sympy.pi, sympy.sqrt, sympy.log, sympy.Rational

RECOGNISED = [
    (1 / 3, Rational(1, 3)), (0.1, Rational(1, 10)), (-2 / 7, Rational(-2, 7)), (0.044715, Rational(8943, 200000)),
    (1e-12, Rational(1, 10**12)), (1e-8, Rational(1, 10**8)), (0.7978845608028654, sqrt(2 / pi)),
    (math.sqrt(0.5), 1 / sqrt(2)), (1.772453850905516, sqrt(pi)), (math.log(2), log(2)), (math.pi, pi),
    (1 / math.pi, 1 / pi), (2 * math.pi, 2 * pi), (math.pi / 180, pi / 180), (0.9189385332046728, log(2 * pi) / 2),
    (2 / math.sqrt(math.pi), 2 / sqrt(pi)), (-math.pi / 4, -pi / 4), (math.e, sympy.E), (0.500000001, Rational(500000001, 10**9)),
]  # fmt: skip


@pytest.mark.parametrize(("value", "meant"), RECOGNISED)
def test_known_numbers_are_recognised_with_a_note(value: float, meant: sympy.Expr) -> None:
    number, note = recognise(value)
    assert number == meant
    assert note is not None and note.startswith(f"{value!r} read as ")


@pytest.mark.parametrize("value", [0.5, -0.25, 3.0, 0.0, 1e10, 0.1875, 2.0**-60, 65537.0, -0.0])
def test_short_binary_fractions_are_themselves(value: float) -> None:
    assert recognise(value) == (sympy.Rational(Fraction(value).numerator, Fraction(value).denominator), None)


@pytest.mark.parametrize(("value", "meant"), [pair for pair in RECOGNISED if pair[0] != 0.500000001])
def test_a_float_within_two_ulps_of_a_known_number_is_a_rounding_of_it(value: float, meant: sympy.Expr) -> None:
    beside = [value]
    for _ in range(3):
        beside += [math.nextafter(beside[-2 if len(beside) > 1 else -1], math.inf)]
        beside += [math.nextafter(beside[-2 if len(beside) > 2 else 0], -math.inf)]
    true = Fraction(str(sympy.N(meant, 60)))
    for other in [*beside, value + 1e-9 * abs(value), value * (1 - 1e-9)]:
        near = abs(Fraction(other) - true) <= 2 * Fraction(math.ulp(other))
        assert (recognise(other)[0] == meant) == near, other


@pytest.mark.parametrize("value", [0.5, 1.0, 0.75, 3.0, 1e10])
def test_a_float_beside_a_short_binary_fraction_is_itself(value: float) -> None:
    """Nothing rounds to a number beside one that floats have."""
    for other in (math.nextafter(value, math.inf), math.nextafter(value, -math.inf)):
        assert recognise(other) == (itself(other), None)


COMPUTED = [
    (math.sqrt(2 * math.pi), sqrt(2 * pi)), (1 / math.sqrt(2), 1 / sqrt(2)), (0.5 * math.sqrt(2 / math.pi), 1 / sqrt(2 * pi)),
    (0.5 * math.sqrt(math.pi), sqrt(pi) / 2), (1 / math.sqrt(2 * math.pi), 1 / sqrt(2 * pi)), (0.1 + 0.2, Rational(3, 10)),
    (math.exp(1), sympy.E), (math.sqrt(3) / math.pi, sqrt(3) / pi), (1 / math.log(2), 1 / log(2)), (3 * 0.1, Rational(3, 10)),
    (0.5 * math.log(2 * math.pi), log(2 * pi) / 2), (2.3025850929940455, log(10)),
]  # fmt: skip


@pytest.mark.parametrize(("value", "meant"), COMPUTED)
def test_what_a_program_computes_of_constants_is_recognised(value: float, meant: sympy.Expr) -> None:
    number, note = recognise(value)
    assert sympy.simplify(number - meant) == 0
    assert note is not None


FLOATS = [
    (0.1, Rational(1, 10)), (1 / 3, Rational(1, 3)), (0.044715, Rational(8943, 200000)), (1.702, Rational(851, 500)),
    (math.sqrt(2), sqrt(2)), (math.sqrt(2 / math.pi), sqrt(2 / pi)), (math.log(2), log(2)), (math.sqrt(math.pi) / 2, sqrt(pi) / 2),
]  # fmt: skip


@pytest.mark.parametrize(("value", "meant"), FLOATS)
def test_a_float_of_single_precision_is_read_by_its_own_ulps(value: float, meant: sympy.Expr) -> None:
    single = float(torch.tensor(value, dtype=torch.float32))
    number, note = recognise(single, "float32")
    assert sympy.simplify(number - meant) == 0
    assert note is not None and "in float32" in note
    assert recognise(single) == (itself(single), None)  # as a double it is itself
    assert recognise(float(torch.tensor(value * (1 + 1e-6), dtype=torch.float32)), "float32")[0] != number


def test_single_precision_is_rarely_taken_for_another_number() -> None:
    generator = torch.Generator().manual_seed(5)
    values = torch.randn(600, generator=generator).tolist()
    assert sum(recognise(value, "float32")[1] is not None for value in values) < 6
    halves = torch.randn(50, generator=generator).bfloat16().float().tolist()
    assert all(recognise(value, "bfloat16") == (itself(value), None) for value in halves)


def test_random_doubles_are_read_as_the_rationals_that_they_are() -> None:
    generator = torch.Generator().manual_seed(5)
    for scale in (1e-9, 1.0, 1e6):
        for value in (torch.rand(100, generator=generator, dtype=torch.float64) * scale).tolist():
            number, note = recognise(value)
            assert note is None
            assert Fraction(int(number.p), int(number.q)) == Fraction(value)


def test_what_is_recognised_rounds_to_the_float() -> None:
    """For all fractions with small terms, and all doubles near a few constants."""
    for q in range(1, 120):
        for p in (1, 7, 113, -5):
            number, _ = recognise(p / q)
            assert number == sympy.Rational(p, q)
    (bits,) = struct.unpack("<q", struct.pack("<d", math.sqrt(2 / math.pi)))
    near = [struct.unpack("<d", struct.pack("<q", bits + k))[0] for k in range(-40, 41)]
    assert [recognise(value)[1] is None for value in near].count(False) in (4, 5)  # two ulps on either side


def test_a_constant_that_is_off_is_not_taken_for_the_right_one() -> None:
    right = trace(lambda a, x: (0.5 * a * x).mean(), parameters="a", data="x")
    wrong = trace(lambda a, x: ((0.5 + 1e-9) * a * x).mean(), parameters="a", data="x")
    assert right.output != wrong.output
    assert abs((wrong.output / right.output).evalf(30) - 1 - sympy.Float("2e-9", 30)) < 1e-15


# --------------------------------------------------------------------------------------------- single operators

_POSITIVE = ("x > 0",)

OPERATORS = {
    "tan": lambda w, x: torch.tan(w * x), "asin": lambda w, x: torch.asin(w * x / 4), "acos": lambda w, x: torch.acos(w * x / 4),
    "sinh": lambda w, x: torch.sinh(w * x), "cosh": lambda w, x: torch.cosh(w * x), "atanh": lambda w, x: torch.atanh(w * x / 4),
    "acosh": lambda w, x: torch.acosh(2 + w.abs() * x**2), "erfc": lambda w, x: torch.erfc(w * x),
    "erfinv": lambda w, x: torch.erfinv(w * x / 4), "exp2": lambda w, x: torch.exp2(w * x),
    "reciprocal": lambda w, x: torch.reciprocal(w * x), "logit": lambda w, x: torch.logit(torch.sigmoid(w * x)),
    "logit_eps": lambda w, x: torch.logit(torch.sigmoid(3 * w * x), eps=0.2), "rsub": lambda w, x: torch.rsub(w, x, alpha=2),
    "add_alpha": lambda w, x: torch.add(w, x, alpha=0.3), "sub_alpha": lambda w, x: torch.sub(w, x, alpha=0.3),
    "pow_scalar_base": lambda w, x: torch.pow(1.5, w * x), "square_root_sum": lambda w, x: (w * x).square().sum(1).sqrt(),
    "heaviside": lambda w, x: w * torch.heaviside(x.detach(), torch.tensor(0.5)), "clamp_tensor": lambda w, x: torch.clamp(x, -w.abs(), w.abs()),
    "where_scalar": lambda w, x: torch.where(x > 0.2, w * x, 0.3), "logical": lambda w, x: w * torch.where((x > 0) & ~(x > 1), x, -x),
    "fmax": lambda w, x: torch.fmax(w, x), "nan_to_num": lambda w, x: torch.nan_to_num(w * x), "deg2rad": lambda w, x: torch.deg2rad(w * x),
    "frexp_free_floor": lambda w, x: w * torch.floor(torch.tensor(2.5)) * x, "remainder_of_constants": lambda w, x: w * x * (torch.arange(3) % 2),
    "var_mean": lambda w, x: torch.var_mean(w * x, dim=1)[0] + torch.var_mean(w * x, dim=1)[1], "std_features": lambda w, x: (w * x).std(1),
    "amax": lambda w, x: (w * x).amax(-1), "argmax_gather": lambda w, x: (w * x).gather(1, x.argmax(1, keepdim=True)),
    "min_dim": lambda w, x: (w * x).min(1)[0], "prod": lambda w, x: (w + x).prod(1),
    "any": lambda w, x: w * (x > 1).any(1, keepdim=True) * x, "logsumexp": lambda w, x: (w * x).logsumexp(1),
    "softmin": lambda w, x: F.softmin(w * x, 1) * x, "norm_0": lambda w, x: torch.linalg.vector_norm(w * x, 0, 1) + w.sum(),
    "norm_4": lambda w, x: torch.linalg.vector_norm(w * x, 4, 1), "dist": lambda w, x: torch.dist(w, x[:, 0].mean() * w**2),
    "outer": lambda w, x: torch.outer(w, w) @ x.T, "dot": lambda w, x: torch.dot(w, w**2) * x, "addmm": lambda w, x: torch.addmm(w, x, torch.eye(3), beta=0.5, alpha=2),
    "baddbmm": lambda w, x: torch.baddbmm(w, x[:, None], torch.ones(1, 3, 3).expand(x.shape[0], 3, 3)), "mv": lambda w, x: x.mv(w),
    "cross": lambda w, x: torch.linalg.cross(x, w.expand_as(x)), "tensordot": lambda w, x: torch.tensordot(x, w, dims=1),
    "inner": lambda w, x: torch.inner(x, w), "kron": lambda w, x: torch.kron(w, w).sum() * x, "addcmul": lambda w, x: torch.addcmul(x, w, x, value=0.5),
    "flip": lambda w, x: (w * x).flip(1) * x, "roll": lambda w, x: (w * x).roll(1, 1) * x, "repeat": lambda w, x: x.repeat(1, 2) * w.repeat(2),
    "tile": lambda w, x: x * w[:1].tile(3), "unfold_free_slices": lambda w, x: (w * x)[:, ::2], "narrow": lambda w, x: (w * x).narrow(1, 1, 2),
    "chunk": lambda w, x: torch.add(*(w * x)[:, :2].chunk(2, 1)), "index_select": lambda w, x: (w * x).index_select(1, torch.tensor([2, 0])),
    "take_along": lambda w, x: torch.gather(w * x, 1, torch.tensor([[2, 0]]).expand(x.shape[0], 2)), "unbind": lambda w, x: math.prod(x.unbind(1)) * w[0],
    "diag": lambda w, x: x @ torch.diag(w), "tril": lambda w, x: x @ torch.outer(w, w).tril(-1), "masked_select_free": lambda w, x: x.masked_fill(torch.tensor([True, False, True]), 2.0) * w,
    "scatter_add": lambda w, x: torch.zeros_like(x).scatter_add(1, torch.tensor([[0, 0, 2]]).expand_as(x), w * x),
    "index_put": lambda w, x: torch.zeros(3).index_put((torch.tensor([2, 0]),), w[:2]) * x, "movedim": lambda w, x: (w * x).movedim(0, 1) @ x,
    "reshape": lambda w, x: (w * x).reshape(-1, 3, 1).reshape(x.shape[0], 3),
    "one_hot": lambda w, x: (w * x) @ F.one_hot(torch.tensor([0, 2, 1]), 3).double(), "full": lambda w, x: w * torch.full((3,), 0.3) + x,
    "linspace": lambda w, x: w * torch.linspace(0.0, 1.0, 3) * x, "meshgrid": lambda w, x: torch.meshgrid(w, w, indexing="ij")[0].sum() * x,
    "float_cast": lambda w, x: w * (x > 0).float() * x, "in_place_chain": lambda w, x: (w * x).add_(1).neg_().mul_(x).sub_(w),
    "fill": lambda w, x: (w * x).clone().index_fill(1, torch.tensor([0]), 0.5), "copy_into": lambda w, x: torch.zeros_like(x).copy_(w) * x,
    "rms_norm": lambda w, x: F.rms_norm(x, (3,), w), "hardtanh_in_place": lambda w, x: F.hardtanh_(w * x + 0.0),
    "prelu": lambda w, x: F.prelu(x, w), "logsigmoid_norm": lambda w, x: F.logsigmoid(x @ w),
    "xlog1py": lambda w, x: torch.special.xlog1py(w, x.abs()), "ndtr": lambda w, x: torch.special.ndtr(w * x),
    "nll_of_class": lambda w, x: F.nll_loss(F.log_softmax(w * x, 1), torch.zeros(x.shape[0], dtype=torch.long), reduction="none"),
}  # fmt: skip


@pytest.mark.parametrize("name", one_in(16, OPERATORS))
def test_single_operators_agree_with_torch(name: str) -> None:
    """A weighted mean of the operator's result, for all N, with its backward pass."""
    operator = OPERATORS[name]

    def loss(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(1.5 * operator(w, x)).mean()

    program = TorchProgram(loss, "w[3]", "x[3]")
    torch.set_default_dtype(torch.float64)
    try:
        traced = trace(loss, parameters="w[3]", data="x[3]")
        assert_agrees(program, traced)
    finally:
        torch.set_default_dtype(torch.float32)
    assert traced.samples is None


# --------------------------------------------------------------------------------- where torch departs on purpose


def test_conventions_say_where_torch_departs() -> None:
    a, x = sympy.symbols("a x", real=True)
    traced = trace(lambda a, x: F.softplus(a * x, beta=2).mean(), parameters="a", data="x")
    assert dict(traced.conventions) == {2 * a * x > 20: "torch's softplus is linear above its threshold"}
    entropy = trace(lambda a, x: F.binary_cross_entropy(x, a * torch.ones_like(x)), parameters="a", data="x")
    assert {str(condition) for condition in entropy.conventions} == {
        "log(x) < -100", "log1p(-x) < -100", "x*(1 - x) < 1/1000000000000",
    }  # fmt: skip


def test_silent_bounds_of_torch_are_conventions_and_those_of_the_user_are_not() -> None:
    def bounded(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        size = (a * x).square()
        with torch.no_grad():
            size.clamp_(min=0.5)
        return size.mean()

    assert not trace(bounded, parameters="a", data="x").conventions
    nll = trace(lambda a, x, v: F.gaussian_nll_loss(a * x, x, v), parameters="a", data="x v")
    assert [str(condition) for condition in nll.conventions] == ["v < 1/1000000"]


# ------------------------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in ("softplus", "huber")])
def test_catalogue_losses_are_read_back(name: str) -> None:
    program, known = CATALOGUE[name], dx.losses.get(name)
    loss = dx.Loss.from_torch(program.function, parameters=program.parameters, data=program.data, name=name)
    assert (set(loss.parameters), set(loss.data)) == (set(known.parameters), set(known.data))
    assert (loss.reduction, loss.name) == (known.reduction, name)
    point = {symbol: sympy.Rational(k + 2, 7) for k, symbol in enumerate(known.symbols.values())}
    difference = (loss.expression - known.expression).subs(point)
    assert abs(difference.evalf(40)) < 1e-35


def test_catalogue_losses_are_all_written_in_torch() -> None:
    assert set(CATALOGUE) == set(dx.losses.names())


def test_a_traced_loss_can_be_used_as_any_other() -> None:
    loss = dx.Loss.from_torch(
        lambda w, b, s, x, y: (((x @ w + b - y) / s) ** 2).mean() + 0.1 * (w**2).sum() + torch.log(s),
        parameters={"w": 2, "b": (), "s": ()}, data=["x[2]", "y"], domain="s > 0",
    )  # fmt: skip
    assert loss.parameters == ("w1", "w2", "b", "s")
    assert loss.data == ("x1", "x2", "y")
    assert loss.domain_text == "s > 0"
    w1, w2, b, s, x1, x2, y = loss.symbols.values()
    expected = ((w1 * x1 + w2 * x2 + b - y) / s) ** 2 + (w1**2 + w2**2) / 10 + log(s)
    assert sympy.expand(loss.expression - expected) == 0
    assert set(loss.gradient()) == {"w1", "w2", "b", "s"}


def test_sums_are_told_from_means() -> None:
    summed = dx.Loss.from_torch(lambda a, x: (a * x).square().sum() / 2, parameters="a", data="x")
    assert (summed.reduction, summed.formula) == ("sum", "a**2*x**2/2")
    averaged = dx.Loss.from_torch(lambda a, x: (a * x).square().sum() / (2 * x.shape[0]), parameters="a", data="x")
    assert (averaged.reduction, averaged.formula) == ("mean", "a**2*x**2/2")


def test_entries_that_do_not_occur_keep_their_symbols() -> None:
    loss = dx.Loss.from_torch(lambda w, x: (w[0] * x[:, 1]).mean(), parameters="w[2]", data="x[2]")
    assert (loss.parameters, loss.data) == (("w1", "w2"), ("x1", "x2"))
    assert loss.gradient()["w2"] == 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a, x: (a * x).sum() + a**2, r"adds a\*\*2 once to a sum"),
        (lambda a, x: (a * x).mean() ** 2, "computes further with a sum"),
        (lambda a, x: (a * x).var(), "computes further with a sum"),
        (lambda a, x: (a * x).cumsum(0).mean(), r"cumsum at .* mixes samples"),
        (lambda a, x: (a * x).sum() / x.shape[0] ** 2, "depends on the number of samples"),
        (lambda a, x: (a * x).mean() + a / x.shape[0], "depends on the number of samples"),
    ],
)
def test_functions_that_are_no_loss_are_refused(function: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        loss_of(trace(function, parameters="a", data="x"))  # type: ignore[arg-type]
