"""The cause of a wrong gradient of tensors is named, with the place in the user's code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from autograd_functions import function_of_all
from representatives import one_in, slow

import diffexplore as dx

Tensor = torch.Tensor


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def written(forward: Callable[..., Tensor], backward: Callable[..., Any]) -> Callable[..., Tensor]:
    """A Function with this forward, whose backward gets the upstream gradient and the inputs."""
    return function_of_all(forward, backward).apply  # type: ignore[no-any-return]


def cause(function: Callable[..., Tensor], *inputs: Tensor) -> Any:
    report = dx.gradcheck(function, inputs, raise_exception=False, battery="none")
    assert report.verdict == "fail"
    return next(row.cause for row in report.rows if row.verdict == "fail")


def centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def normalised(x: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(((x - mean) ** 2).mean(-1, keepdim=True) + 1e-2)


def product(x: Tensor, w: Tensor) -> Tensor:
    return x @ w


def normalised_back(g: Tensor, x: Tensor, beside: float) -> Tensor:
    """That of ``normalised`` with a root of one's own."""
    centre = x - x.mean(-1, keepdim=True)
    root = torch.sqrt((centre**2).mean(-1, keepdim=True)) + beside
    y = centre / root
    return (g - g.mean(-1, keepdim=True) - y * (g * y).mean(-1, keepdim=True)) / root


def sum_of_windows(g: Tensor, k: Tensor, length: int) -> Tensor:
    found = torch.zeros(length, dtype=g.dtype)
    for place in range(len(k)):
        found[place : place + len(g)] += g * k[place]
    return found


ORDER = torch.tensor([2, 0, 3, 2])
PICKED, OTHERS = torch.tensor([0, 3, 3, 1]), torch.tensor([2, 4, 0, 1])


def lengths(x: Tensor, y: Tensor) -> Tensor:
    return x.norm(dim=1, keepdim=True) * y.norm(dim=1, keepdim=True)


def cosine(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(1, keepdim=True) / (x.norm(dim=1, keepdim=True) * y.norm(dim=1, keepdim=True))


x, w, square = numbers(4, 6), numbers(6, 3), numbers(5, 5)

#: forward, backward, inputs; the key, and what the message has to say.
CASES: dict[str, tuple[Callable[..., Tensor], Callable[..., Any], tuple[Tensor, ...], str, str]] = {
    "the mean is not differentiated": (
        centred, lambda g, x: g, (x,), "cut_path", "`x.mean(-1, keepdim=True)`, test_tensor_diagnosis.py:",
    ),
    "the mean has the wrong sign": (
        centred, lambda g, x: g + g.mean(-1, keepdim=True), (x,), "sign_of_term", "has the wrong sign",
    ),
    "the mean is taken for a sum": (
        centred, lambda g, x: g - g.sum(-1, keepdim=True), (x,), "scaled_path", "is counted 6 times",
    ),
    "the statistics are taken for constants": (
        normalised, lambda g, x: g / torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-2), (x,), "cut_path", "missing",
    ),
    "the bias is averaged": (
        lambda x, b: x + b, lambda g, x, b: (g, g.mean(0)), (x, numbers(6)), "factor", "mean over axis 0 of the output",
    ),
    "one sample is left out": (
        product, lambda g, x, w: (g @ w.t(), x[1:].t() @ g[1:]), (x, w), "one_sample", "entry 0 along axis 0",
    ),
    "the weight is transposed": (
        lambda x, w: x @ w, lambda g, x, w: (g @ w.t(), (x.t() @ g).t()), (square, numbers(5, 5, seed=3)), "transposed",
        "axes 0 and 1 exchanged",
    ),
    "the other matrix is transposed": (
        lambda x, w: torch.tanh(x @ w),
        lambda g, x, w: (
            (g * (1 - torch.tanh(x @ w) ** 2)) @ w,
            x.t() @ (g * (1 - torch.tanh(x @ w) ** 2)),
        ),
        (square, numbers(5, 5, seed=3)),
        "transposed",
        "operand 1 of `x @ w`",
    ),
    "the inputs are exchanged": (
        lambda x, y: x * y, lambda g, x, y: (g * x, g * y), (x, numbers(4, 6, seed=2)), "swapped", "the gradient by",
    ),
    "nothing of it is left": (
        lambda x, y: x.as_strided_scatter(y, (4, 6), (6, 1), 0), lambda g, x, y: (g, g), (x, numbers(4, 6, seed=2)),
        "no_influence", "has no influence on the output",
    ),
    "the upstream gradient is added up": (
        lambda x: x.exp(), lambda g, x: g.sum() * x.exp(), (x,), "upstream_ignored", "the sum of the upstream gradient",
    ),
    "a channel is 0": (
        lambda x, w: x @ w,
        lambda g, x, w: (g @ w.t(), x.t() @ g * torch.tensor([1.0, 1, 0, 1, 1, 1])[:, None]),
        (x, w),
        "region",
        "it is 0 at [2, :], and right elsewhere",
    ),
    "the slope of tanh is left out": (
        lambda x: torch.tanh(x).square(), lambda g, x: g * 2 * torch.tanh(x), (x,), "local_slope", "`torch.tanh(x)`",
    ),
    "the argument of exp is twice what it should be": (
        lambda x: x * torch.special.erf(x / 2**0.5),
        lambda g, x: g * (torch.special.erf(x / 2**0.5) + x * torch.exp(-x * x) * (2 / torch.pi) ** 0.5),
        (x,), "wrong_slope", "counts as 2·exp(−2·x²)/√π, not 2·exp(−x²)/√π",
    ),
    "a mask is inverted": (
        lambda x: x.relu(), lambda g, x: g * (x <= 0), (x,), "mask_inverted", "the mask is inverted",
    ),
    "it is computed in float32": (
        lambda x: x.exp(), lambda g, x: (g.float() * x.float().exp()).double(), (x,), "precision", "float32",
    ),
    "divided by another input": (
        lambda x, y: x * y, lambda g, x, y: (g * y, g), (x, numbers(4, 6, seed=2)), "local_slope factor_of_input", "",
    ),
    "another input stands on one way": (
        cosine, lambda g, x, y: (g * (y / lengths(x, y) - cosine(x, y) * y / x.norm(dim=1, keepdim=True) ** 2), None),
        (x, numbers(4, 6, seed=2).detach()), "wrong_operand", "input 1 is used for input 0",
    ),
    "the norm of another input": (
        cosine, lambda g, x, y: (g * (y / lengths(x, y) - cosine(x, y) * x / y.norm(dim=1, keepdim=True) ** 2), None),
        (x, numbers(4, 6, seed=2).detach()), "wrong_operand", "is used for `x.norm",
    ),
    "a factor in front of all is left out": (
        lambda x, w: (x @ w) * 0.25, lambda g, x, w: (g @ w.t() * 0.25, x.t() @ g), (x, w), "factor",
        "the factor 0.25 in `(x @ w) * 0.25`",
    ),
    "a factor x is left out beside a density": (
        lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
        lambda g, x: g * (0.5 * (1 + torch.erf(x / 2**0.5)) + torch.exp(-x * x / 2) / (2 * torch.pi) ** 0.5),
        (x,), "factor_of_input", "lacks a factor input 0",
    ),
    "the slope of a linear operation": (
        lambda x: torch.exp(x * 0.3) + x, lambda g, x: g * (1 + torch.exp(x * 0.3)), (x,), "local_slope",
        "counts as 1, not 0.3",
    ),
    "a column times the input": (
        lambda x: x.square(), lambda g, x: g * 2 * x * torch.stack([torch.ones(4), x[:, 1].detach()], 1), (numbers(4, 2),),
        "region", "it is the gradient times input 0 at [:, 1]",
    ),
    "a factor of each entry is left out": (
        lambda x, y: torch.exp(x * y) + x, lambda g, x, y: (g * (1 + torch.exp(x * y)), g * x * torch.exp(x * y)),
        (x, numbers(4, 6, seed=2)), "local_slope", "it counts as 1, not input 1",
    ),
    "what is added under a root is added beside it": (
        normalised, lambda g, x: normalised_back(g, x, beside=1e-2), (x,), "wrong_constant", "is added to the root",
    ),
    "a kernel is reversed": (
        lambda x, k: x.unfold(0, 3, 1) @ k,
        lambda g, x, k: (sum_of_windows(g, k.flip(0), 8), None), (numbers(8), numbers(3).detach()), "transposed",
        "input 1 is used reversed along axis 0",
    ),
    "a window begins one too early": (
        lambda x, k: x.unfold(0, 3, 1) @ k,
        lambda g, x, k: (torch.cat([torch.zeros(1), sum_of_windows(g, k, 8)[:-1]]), None),
        (numbers(8), numbers(3).detach()), "transposed", "shifted by 1 up along axis 0, but for its first one",
    ),
    "one of equal indices is left": (
        lambda x: x[PICKED] + x[OTHERS],
        lambda g, x: torch.zeros_like(x).index_add(0, OTHERS, g).index_put((PICKED,), g * 0 + torch.zeros_like(x).index_add(0, OTHERS, g)[PICKED] + g),
        (numbers(5, 2),), "overwritten", "`x[PICKED]`",
    ),
    "the order of each row is forgotten": (
        lambda x: x.sort(1)[0].square(), lambda g, x: 2 * g * x.sort(1)[0], (x,), "permuted", "from slice to slice",
    ),
    "a temperature is left out in the probabilities": (
        lambda x: torch.log_softmax(x / 1.5, 1),
        lambda g, x: (g - torch.softmax(x, 1) * g.sum(1, keepdim=True)) / 1.5, (x,), "wrong_constant",
        "1.5 in `x / 1.5`",
    ),
    "the places of a permutation are forgotten": (
        lambda x, y: x[ORDER] * y, lambda g, x, y: (g * y, g * x[ORDER]), (numbers(4, 3), numbers(4, 3, seed=2)),
        "permuted", "is given to the same entry of the input",
    ),
    "nothing explains random numbers": (
        lambda x: x.exp(), lambda g, x: g * torch.cos(37 * x), (x,), "unexplained", "24 of 24 entries are wrong; [",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_named(name: str) -> None:
    forward, backward, inputs, keys, words = CASES[name]
    found = cause(written(forward, backward), *inputs)
    assert found.key in keys.split(), found
    assert words in found.message


@pytest.mark.parametrize(("inner", "outer"), [(0.8, 0.044715), (0.7979, 0.0447), slow(0.7979, 0.02)])
def test_a_constant_that_the_backward_has_otherwise_is_named_with_both_numbers(inner: float, outer: float) -> None:
    def backward(g: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        slope = 1 - torch.tanh(inner * (x + outer * x**3)) ** 2
        return g * slope * inner * (1 + 3 * outer * x * x)

    found = cause(written(lambda x: torch.tanh(0.7979 * (x + 0.044715 * x**3)), backward), numbers(4, 6))
    right, wrong = (0.7979, inner) if inner != 0.7979 else (0.044715, outer)
    assert (found.key, found.fields["constant"], found.fields["found"]) == ("wrong_constant", right, wrong), found


def test_errors_as_small_as_roundings_are_none_where_no_narrower_dtype_was_seen() -> None:
    """A constant that is off by a thousandth is not half precision."""
    x = numbers(4, 6)
    found = cause(
        written(lambda x: torch.tanh(0.7979 * x), lambda g, x: g * 0.7979 * (1 - torch.tanh(0.798 * x) ** 2)), x
    )
    assert found.key != "precision", found
    half = written(lambda x: torch.tanh(x), lambda g, x: g * (1 - torch.tanh(x.half()).double() ** 2))
    assert cause(half, x).key == "precision"


def test_a_factor_of_one_entry_is_no_evidence() -> None:
    """One wrong number is explained by any fitted factor: none is named."""
    found = cause(written(lambda x: x.exp(), lambda g, x: g * x.exp() * 1.2345678), numbers(1))
    assert found.key in ("factor", "unexplained")
    found = cause(written(lambda x: x.exp().sum(), lambda g, x: g * x.exp() + 0.3 * torch.cos(9 * x)), numbers(3))
    assert found.key == "unexplained"


def test_the_operation_that_makes_a_nan_is_named_with_its_line_and_index() -> None:
    """x·|x| at 0 by a backward of one's own: 0 / 0 at the third entry."""
    x = torch.tensor([1.0, 4.0, 0.0, 9.0], dtype=torch.float64, requires_grad=True)
    found = cause(written(lambda x: torch.abs(x) * x, lambda g, x: g * (torch.abs(x) + x * x / torch.abs(x))), x)
    assert found.key == "nan"
    assert found.message.startswith("it is NaN at [2]: div makes NaN at [2], in `x * x / torch.abs(x)`, test_tensor_")
    assert found.fields["index"] == [2]


def test_a_nan_of_torch_s_own_backward_is_named_by_its_node() -> None:
    x = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    found = cause(lambda x: torch.where(x > 0.5, torch.sqrt(x), x), x)
    assert found.key == "nan"
    assert "in the backward of Sqrt" in found.message


def _scan(x: Tensor, a: Tensor) -> Tensor:
    h, states = torch.zeros_like(a), []
    for row in x:
        h = a * h + row
        states.append(h)
    return torch.stack(states)


def _scanned_back(g: Tensor, x: Tensor, a: Tensor, carried: Callable[[Tensor, Tensor], Tensor], later: int) -> Any:
    states = _scan(x, a)
    gx, ga, carry = torch.zeros_like(x), torch.zeros_like(a), torch.zeros_like(a)
    for step in reversed(range(len(x))):
        carry = carried(a, carry) + g[step]
        gx[step] = carry
        if step:
            ga += carry * states[step - 1 + later]
    return gx, ga


LOOPS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], int, str, str]] = {
    "what is carried is missing": (lambda a, carry: 0 * carry, 0, "cut_path diagonal", ""),
    "what is carried has the wrong sign": (
        lambda a, carry: -a * carry,
        0,
        "sign_of_term",
        "each of the 5 times that it runs",
    ),
    "the factor is left out": (lambda a, carry: carry, 0, "local_slope", "`a * h`"),
    "the state is that after the step": (lambda a, carry: a * carry, 1, "wrong_operand", "of the next step"),
}


@pytest.mark.parametrize("name", one_in(2, LOOPS))
def test_a_mistake_at_every_step_of_a_loop_is_named_once(name: str) -> None:
    carried, later, keys, words = LOOPS[name]
    found = cause(written(_scan, lambda g, x, a: _scanned_back(g, x, a, carried, later)), numbers(5, 3), numbers(3))
    assert found.key in keys.split(), found
    assert words in found.message


def _but_for(gradient: Tensor, place: int, other: Tensor) -> Tensor:
    return torch.cat([gradient[:place], other.reshape(1), gradient[place + 1 :]])


#: Forward, backward; the key of its cause, and what is not true of it.
NOT_TRUE: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor], str, str]] = {
    "equal entries are not shifted": (
        torch.sum, lambda g, x: _but_for(g.expand(7), 0, 2 * g), "region", "shifted",
    ),
    "the entry beside it is no inverted mask": (
        lambda x: x.max(), lambda g, x: torch.eye(7, dtype=g.dtype)[x.argmax() - 3] * g, "region", "mask",
    ),
    "what is not 0 is not 0 times something": (
        lambda x: x.max(), lambda g, x: torch.eye(7, dtype=g.dtype)[x.argmax() - 3] * g, "region", "times",
    ),
    "torch's elu is no loop": (
        lambda x: torch.nn.functional.elu(x, alpha=0.7), lambda g, x: g * torch.where(x > 0, 1, x.exp()),
        "local_slope", "step",
    ),
    "a penalty is neither a mean nor a projection alone": (
        lambda x: (x**3).sum(), lambda g, x: g * (3 * x**2 + 0.01 * x), "axis_term", "a mean or a projection",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_TRUE)
def test_a_cause_says_nothing_that_is_not_true(name: str) -> None:
    forward, backward, key, untrue = NOT_TRUE[name]
    found = cause(written(forward, backward), numbers(7))
    assert found.key == key, found
    assert untrue not in found.message
