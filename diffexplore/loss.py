"""The one thing that flows through diffexplore: a loss, as a formula with parameters and data."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.ambient_modes import algebra_undisturbed, undisturbed
from diffexplore.arguments import as_function, as_mappings, as_optional_text, as_text
from diffexplore.errors import UsageError, unknown
from diffexplore.formula.descriptions import LossSummary
from diffexplore.formula.latex import reduced_to_latex
from diffexplore.formula.notation import REDUCTIONS, reduction_of
from diffexplore.formula.summand import WrittenSummand, conditions_of, distinct_names, summand_of, symbols_named
from diffexplore.formula.text import to_text
from diffexplore.program.program import Program

if TYPE_CHECKING:
    from diffexplore.formula.derive import Gradient, Hessian
    from diffexplore.kernels.kernel import BatchKernel
    from diffexplore.torch_code.torch_program import TorchProgram

DefaultData = Callable[[], Mapping[str, Sequence[float]]]
_POINTS = "a list of points, each a mapping from parameters to numbers"


@dataclass(frozen=True, init=False, repr=False)
class Loss(WrittenSummand):
    """A summand ℓ(θ; z), reduced over the samples of a batch by its mean or sum.

    Immutable; equal to another loss with the same mathematical content that is computed by the same operations.
    Sources of the points and data that it suggests do not count.

    Attributes:
        expression: the summand, in real SymPy symbols, as SymPy simplified it while it was read: what is
            differentiated. It has the values of what was written, and may have one where that has none.
        formula: the summand as text, as it was given.
        parameters, data: the names of θ and z, in the order given.
        reduction: "mean" or "sum".
        name, source: what it is called and where it comes from, or None.
        domain: conditions that the symbols must meet, all of them.
        default_data: builds the columns of a batch to try the loss on, or None.
        default_points: parameter values to try it at.
        program: the torch function that it was read from, which torch's methods then run; else None.
    """

    expression: sympy.Expr
    formula: str = field(compare=False)
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    reduction: str
    name: str | None
    domain: tuple[Boolean, ...]
    source: str | None
    default_data: DefaultData | None = field(compare=False)
    default_points: tuple[Mapping[str, float], ...] = field(compare=False)
    program: TorchProgram | None
    _program: Program | None = field(compare=False)
    _derived: dict[tuple[str, ...], Any] = field(compare=False)

    @algebra_undisturbed
    def __init__(
        self,
        formula: str | sympy.Expr,
        *,
        parameters: str | Sequence[str],
        data: str | Sequence[str] = (),
        reduction: str = "mean",
        name: str | None = None,
        domain: str | Sequence[str] | None = None,
        source: str | None = None,
        default_data: DefaultData | None = None,
        default_points: Sequence[Mapping[str, float]] | None = None,
    ) -> None:
        """A loss from its summand.

        Args:
            formula: text (parsed, never evaluated) or a SymPy expression; ``mean[…]`` or ``sum[…]`` says the
                reduction as well.
            parameters: the names of θ, a sequence or one string ``"a, b"``; may be empty.
            data: the names of z, likewise.
            reduction: how the summands of a batch become one number, "mean" or "sum".
            name: a short name for tables.
            domain: conditions such as ``"s > 0"`` outside which the loss is not defined.
            source: where the loss is described.
            default_data: builds columns of data to try the loss on.
            default_points: points, each with a value for every parameter.

        Raises:
            UsageError: where the formula cannot be read, uses symbols that are neither parameters nor data, or
                lacks one that is; and for unusable names, reductions and conditions.
        """
        reduction = as_text(reduction, "reduction", "'mean' or 'sum'")
        if reduction not in REDUCTIONS:
            raise unknown("reduction", reduction, REDUCTIONS)
        stated, formula = reduction_of(formula)
        if stated is not None and reduction not in (stated, "mean"):
            raise UsageError(f"the formula takes the {stated} of its samples, and the reduction is {reduction!r}")
        reduction = stated or reduction
        parameters, data = distinct_names(parameters, data)
        summand = summand_of(formula, (*parameters, *data))
        self._set(
            expression=summand.expression, parameters=parameters, data=data, reduction=reduction,
            formula=formula.strip() if isinstance(formula, str) else to_text(summand.expression, unicode=False),
            name=as_optional_text(name, "name"), domain=conditions_of(domain, (*parameters, *data)),
            source=as_optional_text(source, "source"),
            default_data=None if default_data is None else as_function(default_data, "default_data"),
            default_points=as_mappings(default_points, "default_points", _POINTS), program=None,
            _program=summand.program, _derived={},
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Loss):
            return NotImplemented
        alike = all(getattr(self, one.name) == getattr(other, one.name) for one in fields(self) if one.compare)
        return alike and self.written.computes_as(other.written)

    @classmethod
    @undisturbed
    def from_torch(
        cls,
        fn: Callable[..., Any],
        *,
        parameters: Any,
        data: Any = (),
        name: str | None = None,
        domain: str | Sequence[str] | None = None,
    ) -> Loss:
        """The loss that a torch function computes, read from its graph.

        Truths, closed forms and differentiation are of the formula that was read. Torch's methods of a check run the
        function itself, with the backward passes that it brings.

        Args:
            fn: called with tensors by name, returns the mean or sum of a formula of each sample.
            parameters, data: names, with shapes where they are no scalars, as in ``["w[3]", "b"]`` or ``{"w": (3,)}``;
                data is given the shape of one sample, and comes as (N, *shape). The loss has a symbol for each entry.
            name, domain: as for a loss from its formula.

        Raises:
            UsageError: for what cannot be read, with the operator and the line of the source, and where the function
                computes something else when it is run (:mod:`diffexplore.proving.rerun`).
        """
        from diffexplore.proving.rerun import program_of
        from diffexplore.tracing.reading import loss_of
        from diffexplore.tracing.trace import trace

        traced = trace(fn, parameters=parameters, data=data, backward=False)
        loss = loss_of(traced, name=name, domain=domain)
        return loss._with(program=program_of(fn, traced, loss.domain))

    def of_formula(self) -> Loss:
        """The same loss without the function that it was read from; no errors are raised."""
        return self._with(program=None)

    def with_symbols(self, parameters: Sequence[str], data: Sequence[str]) -> Loss:
        """The same summand as a loss of these ``parameters`` and ``data``: sequences of names, or a text each.

        By those that it ignores, its gradient is 0. UsageError where a name comes twice.
        """
        names, columns = distinct_names(parameters, data)
        return self._with(parameters=names, data=columns, _derived={})

    def within(self, conditions: Sequence[Boolean]) -> Loss:
        """The same loss where further ``conditions``, SymPy's on the loss's own symbols, are met as well."""
        return self._with(domain=tuple(dict.fromkeys((*self.domain, *conditions))), _derived={})

    def reduced_by(self, reduction: str) -> Loss:
        """The same summand with another ``reduction``: "mean" or "sum"; UsageError for others."""
        if reduction not in REDUCTIONS:
            raise unknown("reduction", reduction, REDUCTIONS)
        return self._with(reduction=reduction, _derived={})

    def _with(self, **changed: Any) -> Loss:
        found = copy.copy(self)
        found._set(**changed)
        return found

    def _set(self, **values: Any) -> None:
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    def gradient(self, wrt: str | Sequence[str] | None = None) -> Gradient:
        """The simplified partials of the summand.

        Args:
            wrt: names of parameters or data; None for all parameters.

        Raises:
            UsageError: for a name that is neither.
        """
        from diffexplore.formula.derive import gradient_of

        return self._cached("gradient", wrt, gradient_of)

    def hessian(self, wrt: str | Sequence[str] | None = None) -> Hessian:
        """The simplified second partials of the summand; ``wrt`` and errors as of :meth:`gradient`."""
        from diffexplore.formula.derive import hessian_of

        return self._cached("hessian", wrt, hessian_of)

    def compile(
        self, wrt: str | Sequence[str] | None = None, hessian: bool = False, backend: str = "auto"
    ) -> BatchKernel:
        """What computes the reduced loss and its derivatives over whole batches, fast.

        :class:`BatchKernel` says what ``wrt``, ``hessian`` and ``backend`` may be, and what is raised.
        """
        from diffexplore.kernels.kernel import BatchKernel

        return BatchKernel(self, wrt, hessian, backend)

    @algebra_undisturbed
    def _cached(self, kind: str, wrt: str | Sequence[str] | None, derive: Callable[..., Any]) -> Any:
        names = symbols_named(wrt, self.parameters, self.symbols)
        key = (kind, *names)
        if key not in self._derived:
            try:
                self._derived[key] = derive(self, names)
            except RecursionError:
                raise UsageError("the formula is nested too deeply to be derived: give a part of it a name") from None
        return self._derived[key]

    def summary(self) -> LossSummary:
        """The loss as the plain record that a report carries."""
        program = None if self.program is None else self.program.name
        return LossSummary(
            self.name, self.formula, self.latex(), self.parameters, self.data, self.reduction, self.domain_text,
            self.source, self.rewritten, program,
        )  # fmt: skip

    def latex(self) -> str:
        r"""The reduced loss in LaTeX: ``\frac{1}{N} \sum_{i=1}^{N}`` of the summand, data with the index i."""
        return reduced_to_latex(self.shown, self.data, self.reduction)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __repr__(self) -> str:
        from diffexplore.render.reprs import cut

        given = [repr(cut(self.formula)), f"parameters={self.parameters!r}", f"data={self.data!r}"]
        given += [f"reduction={self.reduction!r}"] if self.reduction != "mean" else []
        given += [f"name={self.name!r}"] if self.name else []
        return f"Loss({', '.join(given)})"
