"""Runs the operator of an audited entry at random points of its domain, to hold formulas against."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import sympy
import torch

from diffexplore.auditing.rulebook import RulebookEntry
from diffexplore.auditing.setup import Setup
from diffexplore.formula.step_functions import STEPS
from diffexplore.torch_ops.cases import Case

POINTS = 20
MASKS = ("mask", "condition")
WHOLE = {"n": 2, "decimals": 1}


#: The functions that SymPy's mpmath printer does not know, in mpmath.
VALUES: dict[str, Callable[..., Any]] = {
    **{step.__name__: step.value for step in STEPS},
    **{f"i{n}": lambda x, n=n: mpmath.besseli(n, x) for n in (0, 1)},
    **{f"i{n}e": lambda x, n=n: mpmath.exp(-abs(x)) * mpmath.besseli(n, x) for n in (0, 1)},
    "gammainc": lambda a, x: mpmath.gammainc(a, 0, x, regularized=True), "zeta": mpmath.zeta,
}  # fmt: skip


def numeric(expr: sympy.Basic, names: list[str]) -> Callable[..., Any]:
    """``expr`` as a function of mpmath numbers."""
    plain = {sympy.Symbol(name, real=True): sympy.Symbol(f"v{i}", real=True) for i, name in enumerate(names)}
    return sympy.lambdify(list(plain.values()), expr.xreplace(plain), [VALUES, "mpmath"])


class Run:
    """One case of an operator at random points: its outputs and its gradients for random upstream gradients."""

    def __init__(self, entry: RulebookEntry, case: Case, seed: int = 0) -> None:
        self.entry, self.case, self.setup = entry, case, Setup(entry, case)
        self.points = self._points(random.Random(seed))

    @property
    def names(self) -> list[str]:
        """The names of the numbers."""
        return [
            argument.name
            for argument in self.entry.signature.arguments
            if isinstance(self.setup.values.get(argument.name), (sympy.Symbol, sympy.Gt))
        ]

    def _points(self, generator: random.Random) -> list[dict[str, float]]:
        names = self.names
        scalars = [name for name in names if not self.entry.signature.argument(name).is_tensor]
        domain = numeric(sympy.And(*self.setup.domain), names)
        for _ in range(200):
            fixed: dict[str, float] = {
                name: WHOLE.get(name, generator.randint(10, 160) / 64 * generator.choice((1, 1, -1)))
                for name in scalars
            }
            found = []
            for _ in range(400):
                point = {name: generator.uniform(-3, 3) for name in names} | fixed
                if domain(*point.values()):
                    found.append(point)
                if len(found) == POINTS:
                    return found
        raise AssertionError(f"no points in the domain of {self.entry.name}")

    def torch(self) -> tuple[list[torch.Tensor], list[torch.Tensor], dict[str, torch.Tensor | None]]:
        """The outputs, the upstream gradients drawn for them, and the gradients of the inputs."""
        values, leaves = self._arguments()
        base, _, overload = self.entry.name.partition(".")
        operator = getattr(getattr(torch.ops.aten, base), overload or "default")
        arguments = [values[argument.name] for argument in operator._schema.arguments if argument.name in values]
        positional = [a for a, s in zip(arguments, self._schema(operator, values), strict=True) if not s.kwarg_only]
        keywords = {s.name: a for a, s in zip(arguments, self._schema(operator, values), strict=True) if s.kwarg_only}
        made = operator(*positional, **keywords)
        outputs = self._flat(made if made is not None else positional[0])[: len(self.case.formulas)]
        upstream = [torch.linspace(-1.0, 2.0, POINTS, dtype=torch.float64) + 0.3 * i for i in range(len(outputs))]
        gradients: dict[str, torch.Tensor | None] = {}
        if any(output.requires_grad for output in outputs):
            found = torch.autograd.grad(
                outputs, list(leaves.values()), [u.expand_as(o) for u, o in zip(upstream, outputs, strict=True)],
                allow_unused=True, create_graph=True,
            )  # fmt: skip
            gradients = dict(zip(leaves, found, strict=True))
        return outputs, upstream, gradients

    @staticmethod
    def _schema(operator: Any, values: Mapping[str, Any]) -> list[Any]:
        return [argument for argument in operator._schema.arguments if argument.name in values]

    @staticmethod
    def _flat(made: Any) -> list[torch.Tensor]:
        parts = list(made) if isinstance(made, (tuple, list)) else [made]
        return [part[0] if isinstance(part, (tuple, list)) else part for part in parts]

    def _arguments(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        values: dict[str, Any] = {}
        leaves: dict[str, torch.Tensor] = {}
        named = {
            part.strip()
            for key, text in self.entry.gradients.items()
            if "not_impl" not in text and "non_diff" not in text
            for part in key.split(",")
        }
        for argument in self.entry.signature.arguments:
            name = argument.name
            if name in self.case.saved:
                values[name] = self._saved(name)
            elif name not in self.names:
                value = 0 if name == "reduction" else self.case.settings.get(name)
                values[name] = [value] if argument.type == "Scalar[]" else value
            elif not argument.is_tensor:
                number = self.points[0][name]
                values[name] = [number] if argument.type == "Scalar[]" else number
            else:
                column = torch.tensor([point[name] for point in self.points], dtype=torch.float64)
                if name in MASKS:
                    values[name] = column > 0
                    continue
                if name in ("value",):
                    column = column[0].clone()
                    self.points = [point | {name: self.points[0][name]} for point in self.points]
                if name in named:
                    leaves[name] = column.requires_grad_()
                given = column.clone() if argument.written else column
                values[name] = [given] if argument.type == "Tensor[]" else given
        return values, leaves

    def _saved(self, name: str) -> torch.Tensor:
        function = numeric(self.setup.values[name], self.names)
        return torch.tensor([float(function(*point.values())) for point in self.points], dtype=torch.float64)
