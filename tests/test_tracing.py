"""Torch functions and their backward graphs as formulas: what they compute, for how many samples, and refusals."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sympy
import torch
from representatives import one_in

from benchmarks.torch_programs import FORMAL, MIXING, PROGRAMS, Squared, SquaredWithoutTwo, TorchProgram
from diffexplore import UsageError
from diffexplore.arithmetic.torch_real import TorchArithmetic
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.functions_sympy import foreign_node
from diffexplore.program.program import lower
from diffexplore.tracing.capture import capture
from diffexplore.tracing.declarations import Array, declare
from diffexplore.tracing.lines import SourcePlace
from diffexplore.tracing.trace import trace
from diffexplore.tracing.traced import Traced

Tensor = torch.Tensor
ROWS = 7


def inputs_of(program: TorchProgram, traced: Traced, seed: int = 3) -> dict[str, Tensor]:
    """Random arguments: between 0.1 and 0.9 where the program has a domain, else of both signs."""
    generator = torch.Generator().manual_seed(seed)
    rows = traced.samples or ROWS
    shapes = {array.name: array.shape for array in traced.parameters}
    shapes |= {array.name: (rows, *array.shape) for array in traced.data}
    drawn = {name: torch.rand(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    low, width = (0.1, 0.8) if program.domain else (-1.3, 2.8)
    return {name: low + width * tensor for name, tensor in drawn.items()}


def entries(array: Array, tensor: Tensor, samples: int | None, is_data: bool) -> dict[str, Tensor]:
    """The values of the symbols of an argument: columns over the samples for data of the generic sample."""
    if is_data and samples is not None:
        flat = tensor.reshape(-1)
        names = [f"{symbol.name}_{i}" for i in range(1, samples + 1) for symbol in array.symbols]
        return {name: flat[k] for k, name in enumerate(names)}
    columns = tensor.reshape(ROWS, -1).T if is_data else tensor.reshape(-1)
    return {symbol.name: columns[k] for k, symbol in enumerate(array.symbols)}


def symbol_values(traced: Traced, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}
    for arrays, is_data in ((traced.parameters, False), (traced.data, True)):
        for array in arrays:
            if array.name in inputs:
                values |= entries(array, inputs[array.name], traced.samples, is_data)
    return values


def evaluate(expr: sympy.Expr, values: Mapping[str, Tensor]) -> Tensor:
    """The value of an expression, its sums added up over the samples, the innermost first."""
    known = {**values, "N": torch.tensor(float(ROWS), dtype=torch.float64)}
    expr = expr.xreplace({SAMPLES: sympy.Symbol("N", real=True)})
    while expr.has(BatchSum):
        inner = [found for found in expr.atoms(BatchSum) if not found.summand.has(BatchSum)]
        for k, found in enumerate(inner):
            name = f"sum{len(known)}_{k}"
            known[name] = _run(found.summand, known).expand(ROWS).sum()
            expr = expr.xreplace({found: sympy.Symbol(name, real=True)})
    return _run(expr, known)


def _run(expr: sympy.Expr, values: Mapping[str, Tensor]) -> Tensor:
    value = lower([expr], list(values)).run(TorchArithmetic(), values)[0]
    return torch.as_tensor(value, dtype=torch.float64)


def torch_says(program: TorchProgram, inputs: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The output and the gradients by autograd, without any tracing."""
    leaves = {name: tensor.clone().requires_grad_(name not in program.constant) for name, tensor in inputs.items()}
    output = program.function(**leaves)
    sources = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
    gradients = torch.autograd.grad(output, list(sources.values()), allow_unused=True, materialize_grads=True)
    return output.detach(), dict(zip(sources, gradients, strict=True))


def assert_agrees(program: TorchProgram, traced: Traced, seed: int = 3) -> None:
    inputs = inputs_of(program, traced, seed)
    values = symbol_values(traced, inputs)
    output, gradients = torch_says(program, inputs)
    tolerance = 1e-7 if any("float32" in note for note in traced.notes) else 1e-10
    torch.testing.assert_close(evaluate(traced.output, values), output, rtol=1e-10, atol=1e-13)
    assert traced.partials is not None
    expected = symbol_values(traced, gradients)
    assert traced.partials.keys() == expected.keys()
    scale = max(float(gradient.abs().max()) for gradient in gradients.values())
    for name, gradient in expected.items():
        found = evaluate(traced.partials[name], values).expand(gradient.shape)
        torch.testing.assert_close(
            found, gradient, rtol=tolerance, atol=1e-12 * scale, msg=f"{name}: {found} {gradient}"
        )


#: Operators of these programs take sizes as plain integers before torch 2.13, so that they are read for a fixed number.
SIZED = frozenset({"binary_cross_entropy_weighted", "cross_entropy", "cross_entropy_smoothed", "matmul"})
OLDER = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13)


@pytest.mark.parametrize("name", one_in(16, PROGRAMS))
def test_formulas_agree_with_torch(name: str) -> None:
    """The central test: output and backward pass, evaluated from the formulas, are what torch computes itself."""
    program = PROGRAMS[name]
    torch.set_default_dtype(torch.float64)
    try:
        traced = trace(program.function, parameters=program.parameters, data=program.data)
        assert_agrees(program, traced)
    finally:
        torch.set_default_dtype(torch.float32)
    if name in SIZED and OLDER:
        assert traced.samples == (None if traced.mixing is None else 4)
    else:
        assert (traced.samples is None) == (name in FORMAL)
        assert (traced.mixing is not None) == (name in MIXING)
    for expr in (traced.output, *traced.partials.values()):
        expr = expr.replace(lambda node: isinstance(node, BatchSum), lambda found: found.summand)
        assert foreign_node(expr) is None
        assert not expr.atoms(sympy.Float)


@pytest.mark.parametrize(
    "name", one_in(4, ["line_distance", "perceptron_tanh", "correlation", "softmax_of_samples", "in_place"])
)
def test_formulas_are_the_same_for_another_number_of_samples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = PROGRAMS[name]
    first = trace(program.function, parameters=program.parameters, data=program.data)
    monkeypatch.setattr("diffexplore.tracing.capture._TRIED", 2003)
    second = trace(program.function, parameters=program.parameters, data=program.data)
    assert second.output == first.output
    assert second.partials == first.partials


def test_the_distance_loss_is_read_as_it_is_written() -> None:
    program = PROGRAMS["line_distance"]
    traced = trace(program.function, parameters=program.parameters, data=program.data)
    A, B, C, x, y = sympy.symbols("A B C x y", real=True)
    residual, size = A * x + B * y + C, sympy.sqrt(A**2 + B**2)
    assert traced.output == BatchSum(sympy.Abs(residual), [x, y]) / (SAMPLES * size)
    assert traced.partials is not None
    assert traced.partials["C"] == BatchSum(sympy.sign(residual), [x, y]) / (SAMPLES * size)
    assert traced.partials["x"] == A * sympy.sign(residual) / (SAMPLES * size)
    assert (traced.samples, traced.mixing, traced.conditions, traced.notes) == (None, None, (), ())


def test_a_backward_by_hand_is_what_is_read() -> None:
    right, wrong = (trace(function, parameters="a", data="x y") for function in (Squared, SquaredWithoutTwo))
    assert right.output == wrong.output
    assert right.partials is not None and wrong.partials is not None
    assert sympy.simplify(right.partials["x"] / wrong.partials["x"]) == 2


def test_a_backward_by_hand_is_named_by_its_own_line() -> None:
    class Rounded(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, x):  # type: ignore[no-untyped-def]
            return (a * x).mean()

        @staticmethod
        def backward(ctx, grad):  # type: ignore[no-untyped-def]
            return torch.histc(grad.expand(3))[0], None

    line = Rounded.backward.__code__.co_firstlineno + 2
    with pytest.raises(UsageError, match=rf"^histc at test_tracing\.py:{line} "):
        trace(Rounded, parameters="a", data="x")


def test_an_operator_of_the_backward_pass_has_the_line_of_the_forward_pass() -> None:
    def loss(a: Tensor, x: Tensor) -> Tensor:
        scaled = a * x
        return scaled.mean()

    traced = trace(loss, parameters="a", data="x")
    captured = capture(loss, declare("a"), declare("x"), wrt=["a"], samples=None, decompositions={})
    line = loss.__code__.co_firstlineno
    places = {str(place) for place in captured.places.values() if place.line != SourcePlace.line}
    assert f"test_tracing.py:{line + 1}" in places
    assert f"the backward of test_tracing.py:{line + 1}" in places
    assert f"the backward of test_tracing.py:{line + 2}" in places
    assert traced.graph.graph.nodes


def test_mixing_samples_is_named_with_its_line() -> None:
    def loss(a: Tensor, x: Tensor) -> Tensor:
        return (a * x).cumsum(0).mean()

    traced = trace(loss, parameters="a", data="x[2]")
    assert traced.samples == 4
    assert traced.mixing == f"cumsum at test_tracing.py:{loss.__code__.co_firstlineno + 1}"
    assert traced.partials is not None
    assert set(traced.partials) == {"a"} | {f"x{k}_{i}" for k in (1, 2) for i in (1, 2, 3, 4)}


def test_questions_about_the_number_of_samples_become_conditions() -> None:
    def loss(a: Tensor, x: Tensor) -> Tensor:
        return (a * x).mean() if x.shape[0] > 3 else a

    assert trace(loss, parameters="a", data="x").conditions == ("N > 3",)
    assert trace(lambda a, x: (a * x).var(), parameters="a", data="x").conditions == ("N ≥ 2",)
    assert trace(lambda a, x: (a * x).var(correction=3), parameters="a", data="x").conditions[-1] == "N ≥ 4"


def test_a_known_number_of_samples_is_one_that_mixes() -> None:
    traced = trace(lambda a, x: (a * x).sum() / len(x), parameters="a", data="x")
    assert traced.samples == 4
    assert traced.mixing is not None and "x.shape[0] does not" in traced.mixing


def test_data_without_derivative_is_left_out_and_said() -> None:
    program = PROGRAMS["soft_margin"]
    traced = trace(program.function, parameters=program.parameters, data=program.data)
    assert traced.partials is not None and set(traced.partials) == {"a", "x"}
    assert any("'target'" in note for note in traced.notes)


def test_without_backward_there_are_no_partials() -> None:
    program = PROGRAMS["mse_loss"]
    assert trace(program.function, parameters=program.parameters, data=program.data, backward=False).partials is None


def test_tracing_leaves_torch_as_it_was() -> None:
    before = torch.get_default_dtype(), torch.is_grad_enabled()
    with torch.no_grad():
        trace(lambda a, x: (a * x).mean(), parameters="a", data="x")
        with pytest.raises(UsageError):
            trace(lambda a, x: (a * x).unique(), parameters="a", data="x")
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == before
    assert type(torch.ones(1) + 1) is torch.Tensor


def _branch(a: Tensor, x: Tensor) -> Tensor:
    return (a * x).mean() if a > 0 else a


def _loop(a: Tensor, x: Tensor) -> Tensor:
    while x.mean() > 1:
        x = x / 2
    return (a * x).mean()


REFUSED = {
    "sort": (lambda a, x: (torch.cat([a * x, x])).sort().values.mean(), r"sort at .* orders 8 values, .* at most 4"),
    "searchsorted": (lambda a, x: a * torch.searchsorted(x, a).double(), r"searchsorted at .* orders values"),
    "random": (lambda a, x: (a * x + torch.randn_like(x)).mean(), r"randn_like at .* is random: give the random numbers"),
    "dropout": (lambda a, x: torch.dropout(a * x, 0.5, True).mean(), r"at .* is random"),
    "item": (lambda a, x: a * x.mean().item(), r"Python number at .*\.item\(\).* torch\.where"),
    "float": (lambda a, x: a * float(x.mean()), r"Python number at "),
    "if": (_branch, r"Python number at "),
    "while": (_loop, r"Python number at "),
    "numpy": (lambda a, x: a * x.detach().numpy().mean(), r"\.numpy\(\) at .* write the step with torch"),
    "boolean_index": (lambda a, x: torch.cat([x, a * x])[torch.cat([x > 0, a * x > 1])].mean(), r"16 cases .* torch\.where"),
    "frexp": (lambda a, x: (a * torch.frexp(x)[0]).mean(), r"frexp at .* no formula"),
    "not_reduced": (lambda a, x: a * x, r"shape \(N\), not a scalar: reduce it"),
    "two_results": (lambda a, x: ((a * x).mean(), a), r"returns tuple, not one tensor"),
    "raises": (lambda a, x: a / 0 * [][1], r"raises IndexError at .*: list index out of range"),
    "other_arguments": (lambda a, z: (a * z).mean(), r"declared arguments \(a, x\) by name: missing a required argument"),
    "parameter_in_place": (lambda a, x: a.mul_(2) * x.mean(), r"modified in place: work on a copy"),
}  # fmt: skip


@pytest.mark.parametrize("name", one_in(2, REFUSED))
def test_what_cannot_be_read_is_named_in_one_line(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(UsageError, match=message) as raised:
        trace(function, parameters="a", data="x")
    text = str(raised.value)
    assert "\n" not in text
    if name not in ("not_reduced", "two_results", "other_arguments"):
        first, *_, last = (line for _, _, line in function.__code__.co_lines() if line is not None)
        assert any(f"test_tracing.py:{line}" in text for line in range(first, last + 1))
