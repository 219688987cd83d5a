"""What autograd takes for constants, hooks, and operators that write: right gradients pass, wrong ones fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import each_value
from tensor_functions import NumPyExp, NumPyExpWrong

import diffexplore as dx

Tensor = torch.Tensor


def checked(function: Any, inputs: Any, **options: Any) -> dx.TensorReport:
    return dx.gradcheck(function, inputs, raise_exception=False, battery="none", **options)


def numbers(*, of_complex: bool = False) -> Tensor:
    dtype = torch.complex128 if of_complex else torch.float64
    return torch.tensor([1 + 2j, -0.5 + 1j] if of_complex else [0.3, -1.2], dtype=dtype, requires_grad=True)


# ------------------------------------------------------------------------------------- constants of a Function
def scaled(factor: float) -> type[torch.autograd.Function]:
    class Scaled(torch.autograd.Function):
        """x · c, where c stands in a list, or alone."""

        @staticmethod
        def forward(ctx: Any, x: Tensor, constant: Any) -> Tensor:
            ctx.constant = constant[0] if isinstance(constant, list) else constant
            return x * ctx.constant

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Any:
            return factor * upstream * ctx.constant.conj(), None

    return Scaled


def _without_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.exp()


class Exponential(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.exp()


def _applied_without_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        return Exponential.apply(x)  # type: ignore[no-any-return, no-untyped-call]


CONSTANTS: dict[str, Callable[[Tensor], Any]] = {
    "detached": lambda x: x.detach(),
    "detached in a list": lambda x: [x.detach()],
    "conjugated": lambda x: x.detach().conj(),
    "no_grad": _without_grad,
    "no_grad in a list": lambda x: [_without_grad(x)],
    "a Function under no_grad": _applied_without_grad,
}


@pytest.mark.parametrize(("constant", "of_complex"), each_value(list(CONSTANTS), [False, True]))
@pytest.mark.usefixtures("causes_unsought")
def test_what_a_function_is_given_without_gradient_is_a_constant(constant: str, of_complex: bool) -> None:
    x = numbers(of_complex=of_complex)
    for factor, verdict in ((1.0, "pass"), (1.01, "fail")):
        report = checked(lambda x, f=factor: scaled(f).apply(x, CONSTANTS[constant](x)), x)  # type: ignore[misc]
        assert (report.verdict, report.truth) == (verdict, "certified"), report


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.01, "fail")])
def test_what_was_computed_under_no_grad_is_a_constant_in_a_forward_that_finds_it_elsewhere(
    factor: float, verdict: str
) -> None:
    def function(x: Tensor) -> Tensor:
        constant = _without_grad(x)

        class Scaled(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Tensor) -> Tensor:
                return x * constant

            @staticmethod
            def backward(ctx: Any, upstream: Tensor) -> Tensor:
                return factor * upstream * constant

        return Scaled.apply(x)  # type: ignore[no-any-return, no-untyped-call]

    report = checked(function, numbers())
    assert (report.verdict, report.truth) == (verdict, "certified"), report


@pytest.mark.parametrize(
    ("start", "outcome"),
    each_value(
        [lambda x: torch.ones_like(x) * 2, lambda x: x.detach() * 2, _without_grad], [(2.0, "pass"), (2.1, "fail")]
    ),
)
def test_a_constant_that_a_function_writes_into_is_no_copy(
    start: Callable[[Tensor], Tensor], outcome: tuple[float, str]
) -> None:
    factor, verdict = outcome

    class Added(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, memory: Tensor) -> Tensor:
            memory.add_(x * 2)
            ctx.mark_dirty(memory)
            return memory

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Any:
            return factor * upstream, upstream

    def function(x: Tensor) -> Tensor:
        memory = start(x)
        Added.apply(x, memory)  # type: ignore[no-untyped-call]
        return memory.sin()

    report = checked(function, numbers())
    assert (report.verdict, report.truth) == (verdict, "certified"), report


# --------------------------------------------------------------------------- constants where truths are estimated
def _straight_through(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


class NotDifferentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.exp()
        ctx.mark_non_differentiable(y)
        return y


BESIDE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "detach": lambda y, x: y * x.detach(),
    "straight through": lambda y, x: _straight_through(y),
    "item": lambda y, x: y * x.sum().item(),
    "no_grad": lambda y, x: y * _without_grad(x),
    "a Function under no_grad": lambda y, x: y * _applied_without_grad(x),
    "a Function that is not differentiable": lambda y, x: y * NotDifferentiable.apply(x),  # type: ignore[no-untyped-call]
    "data": lambda y, x: y * x.data,
    "tolist": lambda y, x: y * torch.tensor(x.tolist(), dtype=x.dtype),
    "grad": lambda y, x: y * torch.autograd.grad(x.square().sum(), x)[0],
    "within a checkpoint": lambda y, x: torch.utils.checkpoint.checkpoint(
        lambda y, x: y * x.detach(), y, x, use_reentrant=True
    ),
}


@pytest.mark.parametrize(("beside", "outcome"), each_value(list(BESIDE), [(NumPyExp, "pass"), (NumPyExpWrong, "fail")]))
def test_constants_beside_a_forward_that_is_not_read_are_held(beside: str, outcome: tuple[Any, str]) -> None:
    exponential, verdict = outcome
    report = checked(lambda x: BESIDE[beside](exponential.apply(x), x), numbers())
    assert (report.verdict, report.truth) == (verdict, "estimated"), report


def test_what_a_transform_makes_is_no_constant() -> None:
    def function(x: Tensor) -> Tensor:
        return NumPyExp.apply(x) * torch.func.jacrev(torch.sin)(x).diagonal() * torch.func.grad(lambda y: y.exp().sum())(x)  # type: ignore[no-any-return, no-untyped-call]  # fmt: skip

    assert checked(function, numbers()).verdict == "pass"


# ------------------------------------------------------------------------------------------------------- hooks
def _writing_into_labels(x: Tensor, labels: Tensor) -> Tensor:
    labels.add_(1)
    return torch.from_numpy(x.detach().numpy() * labels.sum().numpy())


class Labelled(torch.autograd.Function):
    """x times the sum of labels, into which it writes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, labels: Tensor) -> Tensor:
        ctx.factor = labels.sum() + len(labels)
        return _writing_into_labels(x, labels)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return g * ctx.factor, None


def test_each_call_writes_into_integers_of_its_own() -> None:
    x, labels = torch.randn(4, 3, dtype=torch.float64, requires_grad=True), torch.tensor([2, 0, 1, 1])
    report = dx.gradcheck(Labelled, (x, labels))
    assert (report.truth, labels.tolist()) == ("estimated", [2, 0, 1, 1])


_TRANSFORMED: dict[str, Callable[[Callable[[Tensor], Tensor]], Callable[[Tensor], Tensor]]] = {
    "forward over reverse": torch.func.hessian,
    "forward over forward": lambda f: torch.func.jacfwd(torch.func.jacfwd(f)),
    "reverse over forward": lambda f: torch.func.jacrev(torch.func.jacfwd(f)),
    "of samples": lambda f: torch.func.vmap(torch.func.hessian(lambda one: f(one[None]))),
}


@pytest.mark.parametrize("transform", _TRANSFORMED.values(), ids=_TRANSFORMED)
def test_zeros_of_forward_mode_leave_the_truth_certified(transform: Any) -> None:
    """Torch adds tensors to zeros that lie nowhere below autograd, where none says that it varies."""
    x = torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(transform(lambda y: (y.sin() * y.sum()).sum()), x)
    assert report.truth == "certified"


def test_hooks_on_parameters_and_inputs_belong_to_what_is_checked() -> None:
    def doubled(gradient: Tensor) -> Tensor:
        return 2 * gradient

    layer = torch.nn.Linear(2, 3).double()
    layer.weight.register_hook(doubled)
    x = torch.ones(4, 2, dtype=torch.float64, requires_grad=True)
    for dtypes in (None, "float32"):
        report = checked(layer, x, dtypes=dtypes)
        assert {row.input for row in report.failed} == {"weight"}, report
        assert report.failed[0].cause is not None and report.failed[0].cause.key == "factor"
    y = numbers()
    y.register_hook(doubled)
    assert checked(torch.sin, y).verdict == "fail"
    assert checked(torch.sin, numbers()).verdict == "pass"


# ------------------------------------------------------------------------------------- operators that write
@torch.library.custom_op("held_apart::tripled", mutates_args=("x",))
def tripled(x: Tensor) -> None:
    x.mul_(3)


@torch.library.custom_op("held_apart::tripled_by_numpy", mutates_args=("x",))
def tripled_by_numpy(x: Tensor) -> None:
    x.numpy()[...] *= 3


OPERATORS = (tripled, tripled_by_numpy)


@pytest.mark.parametrize(
    ("operator", "outcome", "dtype"),
    each_value(OPERATORS, [(6.0, "pass"), (6.1, "fail")], [torch.float64, torch.float32]),
)
def test_an_operator_that_writes_is_run_once_and_rounds(
    operator: Any, outcome: tuple[float, str], dtype: torch.dtype
) -> None:
    factor, verdict = outcome

    class Squared(torch.autograd.Function):
        """9 x², whose forward and backward triple a copy in place."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            own = x.clone()
            operator(own)
            ctx.save_for_backward(x)
            return own * own

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            own = ctx.saved_tensors[0].clone()
            operator(own)
            return factor * own * upstream

    report = checked(Squared, torch.linspace(0.31, 1.7, 5, dtype=dtype).requires_grad_())
    assert report.verdict == verdict, report
    assert report.truth == ("certified" if operator is tripled else "estimated")


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_that_writes_into_a_constant(operator: Any) -> None:
    def function(x: Tensor) -> Tensor:
        constant = x.detach() * 1
        operator(constant)
        return constant * x

    assert checked(function, numbers()).verdict == "pass"


# -------------------------------------------------------------------------------- what cannot be looked on at
def test_what_raises_under_a_watch_alone_is_no_error_of_the_function() -> None:
    """Torch keeps what oneDNN computes with in memory that is no storage."""
    x = torch.linspace(0.5, 2.0, 6).reshape(3, 2).requires_grad_()
    report = checked(lambda x: torch.nn.functional.relu(x.to_mkldnn()).to_dense() * x, x)
    assert report.verdict != "fail" and "raises" not in str(report), report


def test_complex_numbers_of_half_precision_are_refused() -> None:
    z = torch.zeros(2, dtype=torch.complex64).to(torch.complex32).requires_grad_()
    with pytest.raises(dx.UsageError, match=r"is complex32: gradients are checked in .*complex64 and complex128"):
        dx.gradcheck(lambda z: z, z)


def nested(layout: torch.layout) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.nested.as_nested_tensor([x[:1], x[1:]], layout=layout)


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_refused_by_name(layout: torch.layout) -> None:
    x = torch.linspace(0.5, 2.0, 6).reshape(3, 2)
    for function, given in ((nested(layout), x.requires_grad_()), (lambda x: x * 2, nested(layout)(x.detach()))):
        given = given if given is x else given.requires_grad_()
        with pytest.raises(dx.UsageError, match="is a nested tensor, whose numbers lie in other tensors"):
            dx.gradcheck(function, given)


@pytest.mark.parametrize(("slope", "verdict"), [(1.0, "pass"), (2.0, "fail")])
def test_a_gradient_that_eight_bits_round_passes_at_every_upstream_gradient(slope: float, verdict: str) -> None:
    """A quantiser with a straight-through gradient: what it rounds is allowed for, whatever the upstream gradient."""

    def function(x: Tensor) -> Tensor:
        quantised = slope * x + (x.to(torch.float8_e4m3fn).to(x.dtype) - slope * x).detach()
        return quantised * x

    x = torch.tensor([1.5410, -0.2934, -2.1788], requires_grad=True)
    assert dx.gradcheck(function, x, reference=lambda x: x * x, raise_exception=False).verdict == verdict
    assert dx.gradcheck(lambda x: function(x) * 1, x, raise_exception=False).verdict == "pass"
