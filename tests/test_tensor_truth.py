"""The exact gradients of programs on tensors: they are autograd's to rounding, with radii far below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.tensors.tape import Tape

Tensor = torch.Tensor

#: Autograd's own error in these programs is below it, relative to the largest entry of the gradient.
ROUNDING = 1e-13

#: A truth is useful when its radius is far below what rounding moves.
TIGHT = 2.0**-60


def _input(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def _truth(function: Callable[..., Tensor], inputs: list[Tensor]) -> tuple[list[DoubleBall], list[Tensor]]:
    """The exact gradients and autograd's, for the same upstream gradient."""
    torch.manual_seed(1)
    plain = function(*inputs)
    upstream = torch.randn_like(plain)
    expected = torch.autograd.grad(plain, inputs, upstream, materialize_grads=True)
    tape = Tape(inputs)
    torch.manual_seed(1)
    with tape:
        out = function(*inputs)
    assert tape.problem is None, tape.problem
    return tape.gradients(out, upstream), list(expected)


def _check(function: Callable[..., Tensor], *shapes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    for ball, gradient in zip(*_truth(function, [_input(*shape) for shape in shapes]), strict=True):
        _compare(ball, gradient)


def _compare(ball: DoubleBall, gradient: Tensor) -> None:
    scale = max(float(gradient.abs().max()), 1e-6) if gradient.numel() else 0.0
    assert ball.high.shape == tuple(gradient.shape)
    assert np.all(ball.radius <= TIGHT * scale)
    assert np.all(np.abs(ball.high - gradient.numpy()) <= ROUNDING * scale)


LABELS = torch.tensor([1, 0, 3, -100])
MASK = torch.tensor([[True, False, True, True], [False, True, True, False]])
PLACES = torch.tensor([[0, 0, 2], [1, 1, 1]])
FAR = torch.tensor([[0.0, -torch.inf, 0.0], [0.0, 0.0, -torch.inf], [0.0, 0.0, 0.0]], dtype=torch.float64)


def _in_place(x: Tensor, w: Tensor) -> Tensor:
    y = x * 2
    view = y[:, 1]
    y.mul_(w)
    view.add_(w[0])
    return (y.T @ view).exp_()


def _overwritten(x: Tensor, w: Tensor) -> Tensor:
    y = x.clone()
    y[1:, :2] = w
    y[0] += y[1]
    return y.cumsum(0)


def _eigenvectors(a: Tensor) -> Tensor:
    """What does not depend on the phases of complex eigenvectors."""
    values, vectors = torch.linalg.eig(a)
    return vectors.abs() * values.real.unsqueeze(-2) + torch.linalg.eigvals(a).imag.unsqueeze(-1)


def _nested(x: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    return slope * x


def _written_out(x: Tensor, w: Tensor) -> Tensor:
    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            ctx.save_for_backward(x, w)
            out = torch.empty_like(x)
            torch.mul(x, w, out=out)
            return out.sin_()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
            x, w = ctx.saved_tensors
            return g * (x * w).cos() * w, g * (x * w).cos() * x

    return Both.apply(x, w)


PROGRAMS: dict[str, tuple[Callable[..., Tensor], tuple[tuple[int, ...], ...]]] = {
    "product": (lambda x, w: x @ w, ((3, 4), (4, 2))),
    "perceptron": (lambda x, w, v: F.gelu(x @ w).tanh() @ v, ((4, 8), (8, 6), (6, 2))),
    "layer norm": (lambda x, w, b: F.layer_norm(x, (6,), w, b), ((3, 6), (6,), (6,))),
    "group norm": (lambda x, w, b: F.group_norm(x, 2, w, b), ((2, 4, 3), (4,), (4,))),
    "batch norm": (
        lambda x, w, b: F.batch_norm(x, torch.zeros(3).double(), torch.ones(3).double(), w, b, training=True),
        ((4, 3, 2), (3,), (3,)),
    ),
    "batch norm, evaluating": (
        lambda x, w: F.batch_norm(x, torch.ones(3).double(), torch.full((3,), 2.0).double(), w), ((4, 3), (3,))
    ),
    "variance": (lambda x: x.var(1) + x.std(1, unbiased=False) + torch.var_mean(x, 1)[1], ((3, 4),)),
    "softmax": (lambda x: F.softmax(x, 1) * F.log_softmax(x, 0), ((3, 4),)),
    "logsumexp of large numbers": (lambda x: (x * 1e30).logsumexp(1) + F.log_softmax(x * 1e30, 1)[:, 0], ((3, 4),)),
    "softmax with a mask": (lambda x: F.softmax(x + FAR, -1), ((3, 3),)),
    "attention": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v), ((2, 2, 3, 4),) * 3),
    "attention with a mask": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), ((2, 3, 4),) * 3),
    "cross entropy": (lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.1), ((4, 5),)),
    "weighted losses": (lambda x: F.nll_loss(x.log_softmax(1), LABELS, torch.arange(1.0, 6).double()), ((4, 5),)),
    "binary losses": (lambda x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid()) + F.huber_loss(x, y), ((7,), (7,))),
    "divergence": (lambda x, y: F.kl_div(x.log_softmax(0), y.softmax(0), reduction="sum"), ((5,), (5,))),
    "margins": (lambda x, y: F.triplet_margin_loss(x, y, y * 2) + F.cosine_similarity(x, y).sum(), ((3, 4), (3, 4))),
    "convolution": (lambda x, w, b: F.conv2d(x, w, b, 2, 1, 2, 2), ((2, 4, 7, 6), (6, 2, 3, 2), (6,))),
    "transposed convolution": (lambda x, w: F.conv_transpose1d(x, w, None, 3, 1, 2, 2), ((2, 4, 5), (4, 3, 3))),
    "pooling": (lambda x: F.max_pool2d(x, 2) + F.avg_pool2d(x, 3, 2, 1) + F.adaptive_avg_pool2d(x, 3), ((2, 2, 6, 6),)),
    "interpolation": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"), ((1, 2, 4, 4),)),
    "sampling": (lambda x, g: F.grid_sample(x, g.tanh(), align_corners=False), ((1, 2, 4, 5), (1, 3, 3, 2))),
    "padding": (lambda x: F.pad(x, (1, 2), "reflect") * F.pad(x, (2, 1), "circular"), ((2, 3, 4),)),
    "embedding": (lambda w: F.embedding(torch.tensor([[1, 1], [0, 3]]), w, padding_idx=3), ((4, 3),)),
    "embedding bag": (lambda w: F.embedding_bag(torch.tensor([1, 1, 0, 3]), w, torch.tensor([0, 3])), ((4, 3),)),
    "indices": (lambda x, y: x[[0, 0, 2]] * x.index_add(0, torch.tensor([1, 1]), y)[1], ((3, 2), (2, 2))),
    "scatter": (
        lambda x, y: x.scatter_add(1, PLACES, y).scatter(0, torch.tensor([[1, 0, 1]]), y[:1]), ((2, 3), (2, 3))
    ),
    "scatter reduce": (lambda x, y: x.scatter_reduce(0, torch.tensor([0, 2, 2]), y, "prod"), ((3,), (3,))),
    "masks": (lambda x: x.masked_fill(MASK, 2.0) * torch.where(MASK, x, x**2) + x[MASK].sum(), ((2, 4),)),
    "order": (lambda x: x.sort(1).values * x.topk(4, 1).values + x.median(1, True).values + x.max(1, True).values, ((3, 4),)),
    "running": (lambda x: x.cumsum(1) + x.cumprod(0) + x.logcumsumexp(1) + x.cummax(0).values, ((3, 4),)),
    "norms": (lambda x, y: x.norm() + x.norm(1) + x.norm(3) + x.norm(torch.inf) + torch.cdist(x, y).sum(), ((3, 4), (2, 4))),
    "products of all": (lambda x: x.prod(1) + x.prod(), ((3, 3),)),
    "steps": (lambda x: x * x.round() + x.floor() * (x > 0) + x.sign() + x.clamp(-0.5, 0.5), ((7,),)),
    "activations": (lambda x: F.elu(x) + F.selu(x) + F.mish(x) + F.hardswish(x) + F.softplus(x) + F.leaky_relu(x), ((9,),)),
    "einsum": (lambda x, y: torch.einsum("bij,bkj,k->bi", x, y, y[0, :, 0]), ((2, 3, 4), (2, 2, 4))),
    "lerp": (lambda x, y: torch.lerp(x, y, 0.3).addcmul(x, y, value=2).addcdiv(x, y**2 + 1), ((4,), (4,))),
    "alpha": (lambda x, y: torch.add(x, y, alpha=3) * torch.sub(x, y, alpha=0.1), ((4,), (4,))),
    "dropout": (lambda x: F.dropout(x, 0.4) + x, ((5, 5),)),
    "Fourier": (lambda x: torch.fft.rfft(x).abs() + torch.fft.irfft(torch.fft.fft(x), 8)[..., :5].abs(), ((3, 8),)),
    "complex": (lambda x, y: (torch.complex(x, y) * torch.polar(x.exp(), y).conj()).imag, ((4,), (4,))),
    "linear algebra": (lambda a, b: torch.linalg.solve(a, b) + torch.linalg.inv(a) @ b + torch.logdet(a @ a.T), ((3, 3), (3, 3))),
    "Cholesky": (lambda a: torch.linalg.cholesky(a @ a.T + torch.eye(3)), ((3, 3),)),
    "LU and QR": (lambda a: torch.linalg.lu(a)[1] + torch.linalg.qr(a).R + torch.linalg.det(a), ((3, 3),)),
    "eigenvectors": (lambda a: torch.linalg.eigh(a + a.T).eigenvectors.square() + torch.linalg.svdvals(a), ((3, 3),)),
    "eigenvectors of any matrix": (_eigenvectors, ((2, 3, 3),)),
    "numbers beside": (lambda x: torch.nextafter(x, 2 * x) * torch.frexp(x).mantissa, ((5,),)),
    "exponential": (lambda a: torch.linalg.matrix_exp(a) @ torch.linalg.pinv(a), ((3, 3),)),
    "in place": (_in_place, ((4, 3), (3,))),
    "overwritten": (_overwritten, ((3, 4), (2, 2))),
    "overlapping windows": (lambda x: x.unfold(0, 3, 1) * torch.arange(1.0, 4), ((6,),)),
    "expanded": (lambda x: x.expand(3, 4).clone().mul_(2)[:, ::2].T, ((4,),)),
    "a Function": (_written_out, ((3, 2), (3, 2))),
    "a checkpoint": (lambda x: checkpoint(torch.cos, x, use_reentrant=False) * x, ((4,),)),
    "lists": (lambda x, y: torch.stack(torch._foreach_mul([x, y], [y, x])).sum(0), ((4,), (4,))),
    "a gradient within": (_nested, ((4,),)),
    "detached": (lambda x: x * x.detach() + x.data.exp() * F.mse_loss(x, x.detach() + 1), ((4,),)),
    "numbers": (lambda x: x * int(x.shape[0]) + torch.tensor([1, 2, 3]) * x + (x > 0) * x, ((3,),)),
    "scalars": (lambda x, y: x * y.exp() / 3, ((), ())),
    "nothing": (lambda x: x.sum() + x.reshape(3, 0).T.sum(), ((0, 3),)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_truth_is_autograds_gradient_to_rounding(name: str) -> None:
    function, shapes = PROGRAMS[name]
    _check(function, *shapes)


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "GRU cell": (lambda: nn.GRUCell(3, 4), (2, 3)),
    "LSTM": (lambda: nn.LSTM(3, 4, batch_first=True), (2, 3, 3)),
    "GRU, both ways": (lambda: nn.GRU(3, 2, 2, bidirectional=True), (3, 2, 3)),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), (2, 3, 8)),
    "bilinear": (lambda: nn.Sequential(nn.Linear(4, 3), nn.PReLU(), nn.Linear(3, 2)), (5, 4)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    make, shape = MODULES[name]
    torch.manual_seed(0)
    module = make().double()
    parameters = list(module.parameters())

    def run(x: Tensor, *_: Tensor) -> Tensor:
        out = module(x)
        return out[0] if isinstance(out, tuple) else out

    for ball, gradient in zip(*_truth(run, [_input(*shape), *parameters]), strict=True):
        _compare(ball, gradient)


#: What is not certified, and a word of the reason.
REFUSED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "two in one place": (lambda x: torch.zeros(3).double().scatter(0, torch.tensor([1, 1, 0]), x), "one place"),
    "no rule": (lambda x: torch.special.bessel_y0(x.detach()) + torch.special.airy_ai(x), "airy_ai"),
    "a singular matrix": (lambda x: torch.linalg.inv_ex(torch.outer(x, x))[0], "invertible"),
    "equal eigenvalues": (lambda x: torch.linalg.eigvalsh(torch.eye(3).double() * x[0]), "apart"),
    "equal eigenvalues of any matrix": (lambda x: torch.linalg.eig(torch.eye(3).double() * x[0])[0].real, "apart"),
    "a matrix of rank 1": (lambda x: torch.linalg.pinv(x[0] * torch.ones(3, 3).double()), "full rank"),
    "an integer on its jump": (lambda x: x[(x / x * 3).long() - 2] * x, "not certain"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_certain_is_refused_by_name(name: str) -> None:
    function, reason = REFUSED[name]
    torch.manual_seed(0)
    x = _input(3)
    tape = Tape([x])
    with tape:
        function(x)
    assert reason in str(tape.problem)


#: Entries of the gradient that are not known at [0, 1, 2]: there the function has a kink.
KINKS: dict[str, tuple[Callable[[Tensor], Tensor], list[bool]]] = {
    "relu": (F.relu, [True, False, False]),
    "where": (lambda x: torch.where(x > 0, x * x, x), [True, False, False]),
    "clamp": (lambda x: x.clamp(0.5, 2.0), [False, False, True]),
    "largest": (lambda x: torch.maximum(x, 2 - x), [False, True, False]),
    "floor": (lambda x: (x / 2).floor() * (x + 1), [True, False, True]),
    "mantissa": (lambda x: torch.frexp(x + 1).mantissa, [True, True, False]),
    "the next number": (lambda x: torch.nextafter(x, torch.tensor([1.0, 1, 1]).double()), [False, True, False]),
    "a label": (lambda x: torch.where(torch.tensor([0.0, 1, 2]) > 0, x, 2 * x), [False, False, False]),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_not_known_and_others_are(name: str) -> None:
    function, unknown = KINKS[name]
    x = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    tape = Tape([x])
    with tape:
        out = function(x)
    (ball,) = tape.gradients(out, torch.ones_like(out))
    assert (~(ball.radius < 0.25)).tolist() == unknown
