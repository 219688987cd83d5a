"""Torch functions and their backward graphs as formulas: what they compute, for how many samples, and refusals."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sympy
import torch
from torch_programs import FORMAL, MIXING, PROGRAMS, TorchProgram

from diffexplore.arithmetic.torch_real import TorchArithmetic
from diffexplore.symbolic.batch_sums import SAMPLES, BatchSum
from diffexplore.symbolic.functions_sympy import foreign_node
from diffexplore.symbolic.program import lower
from diffexplore.tracing import Array, Traced, trace

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


@pytest.mark.parametrize("name", PROGRAMS)
def test_formulas_agree_with_torch(name: str) -> None:
    """The central test: output and backward pass, evaluated from the formulas, are what torch computes itself."""
    program = PROGRAMS[name]
    torch.set_default_dtype(torch.float64)
    try:
        traced = trace(program.function, parameters=program.parameters, data=program.data)
        assert_agrees(program, traced)
    finally:
        torch.set_default_dtype(torch.float32)
    assert (traced.samples is None) == (name in FORMAL)
    assert (traced.mixing is not None) == (name in MIXING)
    for expr in (traced.output, *traced.partials.values()):
        expr = expr.replace(lambda node: isinstance(node, BatchSum), lambda found: found.summand)
        assert foreign_node(expr) is None
        assert not expr.atoms(sympy.Float)
