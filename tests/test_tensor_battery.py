"""What breaks where a backward pass is called otherwise than by a plain test is told, and what is right is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import one_in
from torch.autograd import Function
from torch.autograd.function import once_differentiable

import diffexplore as dx
from diffexplore.torch_private.watching import current_dispatch_modes

Tensor = torch.Tensor


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def product(backward: Callable[..., Any], prepare: Callable[..., None] | None = None) -> Callable[..., Tensor]:
    """x · y with another backward, of the context, the upstream gradient, x and y."""

    class Product(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            ctx.save_for_backward(x, y)
            if prepare is not None:
                prepare(ctx)
            return x * y

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Any:
            return backward(ctx, upstream, *ctx.saved_tensors)

    return Product.apply


def causes(function: Callable[..., Tensor], *inputs: Tensor, battery: str = "quick") -> dict[str, str]:
    report = dx.gradcheck(function, inputs, raise_exception=False, battery=battery)
    return {row.cause.key: row.cause.message for row in report.rows if row.verdict == "fail"}


def right(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y, g * x


def in_rows(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Takes the upstream gradient to lie in rows."""
    return g.view(-1).view(x.shape) * y, g * x


def into_upstream(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    by_y = g * x
    return g.mul_(y), by_y


def into_saved(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    found = g * y, g * x
    y.data.mul_(2)
    return found


def random(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y * (1 + torch.rand(())), g * x


def by_memory(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Reads the memory of x as if it lay in rows."""
    return g * y, g * torch.as_strided(x, x.shape, torch.empty(x.shape).stride(), 0)


def together(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return (g * y if ctx.needs_input_grad[1] else 2 * g * y), g * x


def lazily(ctx: Any) -> None:
    ctx.set_materialize_grads(False)


def unreduced(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y, g * x  # y is broadcast: autograd adds this up


def clipped(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g.clamp(-10, 10) * y, g * x


def nothing_small(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y, g * x * (g.abs() > 1e-3)


def of_one_sign(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y * (1 + (g > 0).all()), g * x


def without_graph(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y * (1 + torch.is_grad_enabled()), g * x


def unwatched(ctx: Any, g: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return g * y * (1 if current_dispatch_modes() else 2), g * x


FAULTS: dict[str, tuple[Callable[..., Any], Callable[..., None] | None, tuple[Tensor, ...], str]] = {
    "an upstream gradient in columns": (in_rows, None, (numbers(3, 4), numbers(3, 4)), "strided_upstream"),
    "the upstream gradient written into": (into_upstream, None, (numbers(3, 4), numbers(3, 4)), "upstream_modified"),
    "random numbers in the backward": (random, None, (numbers(3, 4), numbers(3, 4)), "not_deterministic"),
    "the memory of an input": (by_memory, None, (numbers(3, 4), numbers(3, 4)), "strided_inputs"),
    "only one input needs a gradient": (together, None, (numbers(3, 4), numbers(3, 4)), "needs_input_grad"),
    "no upstream gradient": (right, lazily, (numbers(3, 4), numbers(3, 4)), "undefined_upstream"),
    "a gradient that is not reduced": (unreduced, None, (numbers(3, 4), numbers(4)), "wrong_shape"),
    "large upstream gradients": (clipped, None, (numbers(3, 4), numbers(3, 4)), "upstream_not_linear"),
    "small upstream gradients": (nothing_small, None, (numbers(3, 4), numbers(3, 4)), "upstream_not_linear"),
    "upstream gradients of one sign": (of_one_sign, None, (numbers(3, 4), numbers(3, 4)), "upstream_not_linear"),
    "gradients that are differentiated again": (without_graph, None, (numbers(3, 4), numbers(3, 4)), "create_graph"),
    "calls that nothing watches": (unwatched, None, (numbers(3, 4), numbers(3, 4)), "factor"),
    "a saved tensor written into": (into_saved, None, (numbers(3, 4), numbers(3, 4)), "inputs_modified saved_overwritten"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_in_one_line(name: str) -> None:
    backward, prepare, inputs, key = FAULTS[name]
    found = causes(product(backward, prepare), *inputs)
    assert set(key.split()) & set(found), found
    assert all("\n" not in message for message in found.values())


@pytest.mark.parametrize("battery", ["quick", "full"])
def test_a_right_backward_passes_every_trial(battery: str) -> None:
    assert causes(product(right), numbers(2, 3), numbers(2, 3), battery=battery) == {}


class Borders(Function):
    """Squares, with room around them that the backward fills: each time with the same, or with another number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, again: float) -> Tensor:
        room = torch.nn.functional.pad(x, (1, 1), value=torch.inf)
        ctx.save_for_backward(room)
        ctx.again = again
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        (room,) = ctx.saved_tensors
        memory = room.numpy()
        memory[:, [0, -1]] = 0.0 if memory[0, 0] == torch.inf else ctx.again
        return 2 * g * room[:, 1:-1] + g * room[:, :1], None


@pytest.mark.parametrize(("again", "found"), [(0.0, set()), (1.0, {"saved_overwritten"})])
def test_what_the_backward_writes_into_what_it_saved_is_wrong_where_a_second_one_differs(
    again: float, found: set[str]
) -> None:
    assert set(causes(Borders.apply, numbers(3, 4), again)) == found  # type: ignore[arg-type]


def test_a_backward_that_writes_into_the_output_is_told() -> None:
    class Doubles(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (y,) = ctx.saved_tensors
            found = g * y
            y.detach().numpy()[0] = 0.0
            return found

    found = causes(Doubles.apply, numbers(3, 4))
    assert "writes into the output" in found["saved_overwritten"]


MODULES: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "linear": (torch.nn.Linear(3, 4, dtype=torch.float64), (numbers(2, 3),)),
    "gelu": (torch.nn.functional.gelu, (numbers(3, 4),)),
    "softmax": (lambda x: torch.softmax(x, -1), (numbers(3, 4),)),
    "a product broadcast": (lambda x, y: x * y, (numbers(3, 4), numbers(4))),
    "batch norm": (torch.nn.BatchNorm1d(2, dtype=torch.float64), (numbers(3, 2),)),
}


@pytest.mark.parametrize("name", one_in(5, MODULES, first=4))
def test_torch_itself_passes_the_full_battery(name: str) -> None:
    function, inputs = MODULES[name]
    assert causes(function, *inputs, battery="full") == {}


class OfTheOutput(Function):
    """The exponential; what it saved is cut off from the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.y = x.exp()
        return ctx.y.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * ctx.y


class Once(OfTheOutput):
    """The same, which says so."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * ctx.y


def test_a_backward_that_cannot_be_differentiated_again_is_told_unless_it_says_so() -> None:
    assert set(causes(OfTheOutput.apply, numbers(3), battery="full")) == {"double_backward"}
    assert causes(OfTheOutput.apply, numbers(3)) == {}
    report = dx.gradcheck(Once.apply, (numbers(3),), battery="full")
    assert any("once_differentiable" in skip.reason for skip in report.skipped)


def test_a_battery_of_none_tries_nothing() -> None:
    assert causes(product(in_rows), numbers(3, 4), numbers(3, 4), battery="none") == {}


class _LayerNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        inverse = (x.var(-1, unbiased=False, keepdim=True) + 1e-5).rsqrt()
        normal = (x - x.mean(-1, keepdim=True)) * inverse
        ctx.save_for_backward(normal, inverse, weight)
        return normal * weight

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        normal, inverse, weight = ctx.saved_tensors
        inner = upstream * weight
        mean = inner.mean(-1, keepdim=True) + normal * (inner * normal).mean(-1, keepdim=True)
        return inverse * (inner - mean), (upstream * normal).sum(0)


@pytest.mark.parametrize("seed", one_in(3, range(20, 26)))
def test_sums_in_another_order_are_no_finding(seed: int) -> None:
    """The bound of one call in float32 is what rounding did there; another layout adds in another order."""
    generator = torch.Generator().manual_seed(seed)
    x, weight = (torch.randn(*shape, generator=generator).requires_grad_() for shape in ((64, 256), (256,)))
    report = dx.gradcheck(_LayerNorm, (x, weight), raise_exception=False, seed=seed)
    assert report.verdict == "pass", str(report)


def of_three(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
    x, y, z = ctx.saved_tensors
    missing = ctx.needs_input_grad[0] and ctx.needs_input_grad[1] and not ctx.needs_input_grad[2]
    return (2 if missing else 1) * g * y * z, g * x * z, g * x * y


def of_memory(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
    """Reads the storage of a contiguous tensor from its begin."""
    x, y, z = ctx.saved_tensors
    if x.is_contiguous():
        x = torch.as_strided(x, x.shape, x.stride(), 0)
    return g * y * z, g * x * z, g * x * y


def of_expanded(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
    """Counts each place in memory once."""
    x, y, z = ctx.saved_tensors
    return (g * y * z).mul(0.5 if 0 in x.stride() else 1.0), g * x * z, g * x * y


def twice_unpacked(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
    x, y, z = ctx.saved_tensors[0], ctx.saved_tensors[1], ctx.saved_tensors[2]
    return g * y * z, g * x * z, g * x * y


def other_when_compiled(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
    x, y, z = ctx.saved_tensors
    return g * y * z, g * x * z, (0.5 if torch.compiler.is_compiling() else 1.0) * g * x * y


def right_of_three(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
    x, y, z = ctx.saved_tensors
    return g * y * z, g * x * z, g * x * y


def triple(backward: Callable[..., Any]) -> Callable[..., Tensor]:
    """x · y · z with another backward."""

    class Triple(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
            ctx.save_for_backward(x, y, z)
            return x * y * z

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return backward(ctx, g)

    return Triple.apply


OF_THREE: dict[str, tuple[Callable[..., Any], str, str]] = {
    "only one input needs no gradient": (of_three, "needs_input_grad", "z alone needs no gradient"),
    "inputs that are slices": (of_memory, "view_inputs", "views, as a slice of a larger tensor"),
    "inputs that are expanded": (of_expanded, "broadcast_inputs", "expanded, as after a broadcast"),
    "saved tensors unpacked twice": (twice_unpacked, "checkpoint", "use_reentrant=False"),
    "compiled code": (other_when_compiled, "compile", "backend=aot_eager"),
}


@pytest.mark.parametrize("name", one_in(3, OF_THREE))
def test_a_fault_of_the_full_battery_is_told(name: str) -> None:
    backward, key, words = OF_THREE[name]
    inputs = [numbers(2, 3, seed=seed) for seed in range(3)]
    assert causes(triple(backward), *inputs) == {}
    found = causes(triple(backward), *inputs, battery="full")
    assert set(found) == {key}
    assert words in found[key]


@pytest.mark.slow
def test_a_right_backward_of_three_inputs_passes_every_trial() -> None:
    assert causes(triple(right_of_three), *(numbers(3, 4, seed=seed) for seed in range(3)), battery="full") == {}


def test_what_an_earlier_forward_kept_is_told_within_a_checkpoint() -> None:
    kept: dict[str, Tensor] = {}

    def remembering(x: Tensor, y: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return x * kept.pop("exp", y.exp())
        kept["exp"] = y.exp()
        return x * kept["exp"]

    found = causes(remembering, numbers(2, 3), numbers(2, 3, seed=1), battery="full")
    assert set(found) == {"checkpoint"}
    assert "use_reentrant=True" in found["checkpoint"]


def test_ties_of_broadcast_inputs_are_no_finding() -> None:
    """Which of equal entries gets the gradient is a convention, which may depend on how they lie in memory."""

    class Largest(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.amax(0)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            first = x.argmax(0) if 0 not in x.stride() else x.shape[0] - 1 - x.flip(0).argmax(0)
            return torch.zeros_like(x).scatter(0, first[None], g[None])

    assert causes(Largest.apply, numbers(3, 2), battery="full").keys() <= {"double_backward"}


@pytest.mark.parametrize("x", [1.5, [torch.inf, 1.0], [1e308, -1e308], [5e-324, 1e-310]])
@pytest.mark.parametrize("function", [torch.square, torch.norm, torch.exp])
def test_other_upstream_gradients_are_no_finding_where_no_truth_is_known(
    function: Callable[..., Tensor], x: float | list[float]
) -> None:
    assert not causes(function, torch.tensor(x, dtype=torch.float64).requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_backward_that_loses_digits_for_large_upstream_gradients_is_no_finding(dtype: torch.dtype) -> None:
    """torch's derivative of the matrix exponential has an error of 1e-11 for 65,536, 1e-15 for 1, in float64."""
    assert not causes(
        lambda x: torch.matrix_exp(0.3 * x).trace(), numbers(4, 4, seed=1).detach().to(dtype).requires_grad_()
    )
