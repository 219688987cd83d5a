"""Steps of random programs on tensors: each draws its parameters for given operands, and says what it computes.

A step that does not fit its operands raises, or returns None, and another one is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import torch
import torch.nn.functional as F

Tensor = torch.Tensor
Computes = Callable[..., Tensor]

#: A step of so many operands: (draw, operands) → what it computes of tensors of these shapes and dtypes.
Draws = Callable[..., Computes | None]

ELEMENTWISE: tuple[Computes, ...] = (
    torch.sin, torch.cos, torch.tanh, torch.sigmoid, torch.erf, torch.atan, torch.abs, torch.square, torch.neg, F.relu,
    F.gelu, F.silu, F.elu, F.softplus, F.mish, F.logsigmoid, F.softsign, F.leaky_relu, F.hardtanh, F.relu6, F.selu,
    F.hardswish, F.tanhshrink, F.celu, torch.asinh, torch.sinc, torch.round, torch.sign, torch.positive,
    lambda x: torch.exp(x.tanh()), lambda x: torch.log1p(x * x), lambda x: torch.sqrt(1 + x * x),
    lambda x: torch.rsqrt(x * x + 1), lambda x: 1 / (x * x + 0.5), lambda x: x.clamp(-0.7, 1.1), lambda x: x**3,
    lambda x: torch.expm1(x.sin()), lambda x: torch.exp2(x.cos()), lambda x: torch.log(2 + x.sin()),
    lambda x: torch.asin(0.9 * x.tanh()), lambda x: torch.atanh(0.9 * x.sin()), lambda x: F.threshold(x, 0.1, -0.3),
    lambda x: F.gelu(x, approximate="tanh"), lambda x: F.hardshrink(x, 0.2), lambda x: F.softshrink(x, 0.2),
    lambda x: torch.nan_to_num(x), lambda x: x.clone().sin_().mul_(2), lambda x: (x + 1).abs().pow(1.5),
    lambda x: torch.logit(0.1 + 0.8 * x.sigmoid()), lambda x: torch.lgamma(1.5 + x * x), lambda x: x * x.cos(),
    lambda x: torch.where(x > 0, x.sin(), x * x), lambda x: x.masked_fill(x > 0.5, 0.5), lambda x: x / 3 - 0.25,
)  # fmt: skip

BINARY: tuple[Computes, ...] = (
    torch.add, torch.sub, torch.mul, torch.maximum, torch.minimum, torch.atan2, torch.hypot, torch.logaddexp,
    lambda x, y: x / (1 + y * y), lambda x, y: torch.lerp(x, y, 0.3), lambda x, y: torch.where(x > y, x, y * 2),
    lambda x, y: torch.addcmul(x, x, y, value=0.5), lambda x, y: torch.addcdiv(x, y, 2 + y.sin()),
    lambda x, y: (x.abs() + 0.5) ** y.tanh(), lambda x, y: torch.copysign(x, y), lambda x, y: torch.fmax(x, y),
    lambda x, y: x.clone().mul_(y), lambda x, y: x.clone().add_(y, alpha=0.5), lambda x, y: torch.rsub(x, y),
    lambda x, y: torch.sub(x, y, alpha=3), lambda x, y: torch.xlogy(x, y * y + 0.1), lambda x, y: x - y.mean(),
    lambda x, y: F.mse_loss(x, y, reduction="none"), lambda x, y: F.smooth_l1_loss(x, y),
    lambda x, y: F.huber_loss(x, y, delta=0.7), lambda x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid()),
    lambda x, y: F.kl_div(F.log_softmax(x, -1), F.softmax(y, -1)), lambda x, y: F.cosine_similarity(x, y, -1),
    lambda x, y: F.l1_loss(x, y, reduction="sum"), lambda x, y: F.soft_margin_loss(x, y.sign()),
    lambda x, y: F.gaussian_nll_loss(x, y, x * x + 0.1), lambda x, y: F.poisson_nll_loss(x, y.abs()),
)  # fmt: skip


def _axis(draw: Random, x: Tensor) -> int:
    return draw.randrange(-x.dim(), x.dim())


def _axes(draw: Random, x: Tensor) -> list[int]:
    return draw.sample(range(x.dim()), draw.randint(1, x.dim()))


def transpose(draw: Random, x: Tensor) -> Computes:
    first, second = _axis(draw, x), _axis(draw, x)
    return lambda x: x.transpose(first, second)


def permute(draw: Random, x: Tensor) -> Computes:
    order = draw.sample(range(x.dim()), x.dim())
    return lambda x: x.permute(order)


def reshape(draw: Random, x: Tensor) -> Computes:
    shape = draw.choice([[-1], [x.numel()], [1, -1], [*x.shape[1:], x.shape[0]], [1, *x.shape], [*x.shape, 1]])
    return lambda x: x.reshape(shape)


def squeeze(draw: Random, x: Tensor) -> Computes:
    axis = _axis(draw, x)
    return (lambda x: x.squeeze(axis)) if x.shape[axis] == 1 else (lambda x: x.unsqueeze(axis))


def expand(draw: Random, x: Tensor) -> Computes:
    shape = [draw.randint(1, 3) if size == 1 else size for size in x.shape]
    front = [2] * draw.randint(0, 1)
    return lambda x: x.expand(*front, *shape)


def slices(draw: Random, x: Tensor) -> Computes:
    axis = draw.randrange(x.dim())
    first, step = draw.randint(0, max(0, x.shape[axis] - 1)), draw.randint(1, 2)
    index = (*[slice(None)] * axis, slice(first, None, step))
    return lambda x: x[index]


def select(draw: Random, x: Tensor) -> Computes:
    axis = _axis(draw, x)
    place = draw.randrange(x.shape[axis])
    return lambda x: x.select(axis, place)


def part(draw: Random, x: Tensor) -> Computes:
    axis, count = _axis(draw, x), draw.randint(1, 3)
    place = draw.randrange(len(x.tensor_split(count, axis)))
    return lambda x: x.tensor_split(count, axis)[place]


def moved(draw: Random, x: Tensor) -> Computes:
    axis, shift = _axis(draw, x), draw.randint(-2, 2)
    ways: list[Computes] = [
        lambda x: x.flip(axis), lambda x: x.roll(shift, axis), lambda x: x.diagonal(shift % 2, -2, -1), torch.triu,
        lambda x: x.tril(shift), lambda x: x.repeat_interleave(2, axis), lambda x: torch.diag_embed(x),
        lambda x: x.repeat(*[1 + (shift + i) % 2 for i in range(x.dim())]), lambda x: torch.rot90(x, shift, (0, 1)),
        lambda x: x.movedim(axis, 0), lambda x: x.unfold(axis, 2, 1),
    ]  # fmt: skip
    return draw.choice(ways)


def reduced(draw: Random, x: Tensor) -> Computes:
    axes, keep = _axes(draw, x), draw.random() < 0.5
    order = draw.choice([1, 2, 3, float("inf")])
    ways: list[Computes] = [
        lambda x: x.sum(axes, keep), lambda x: x.mean(axes, keep), lambda x: x.amax(axes, keep),
        lambda x: x.amin(axes, keep), lambda x: x.logsumexp(axes, keep), lambda x: x.var(axes, keepdim=keep),
        lambda x: x.std(axes, keepdim=keep), lambda x: torch.linalg.vector_norm(x, order, axes, keep),
        lambda x: x.var(axes, correction=0, keepdim=keep), lambda x: x.sum(), lambda x: x.mean(), lambda x: x.max(),
        lambda x: x.norm(), lambda x: x.prod(), lambda x: torch.std_mean(x, axes)[0], lambda x: x.median(),
    ]  # fmt: skip
    return draw.choice(ways)


def along(draw: Random, x: Tensor) -> Computes:
    axis, keep, length = _axis(draw, x), draw.random() < 0.5, x.shape[draw.randrange(x.dim())]
    ways: list[Computes] = [
        lambda x: x.cumsum(axis), lambda x: x.cumprod(axis), lambda x: x.logcumsumexp(axis), lambda x: x.prod(axis, keep),
        lambda x: x.cummax(axis).values, lambda x: x.softmax(axis), lambda x: x.log_softmax(axis), lambda x: x.diff(dim=axis),
        lambda x: F.normalize(x, dim=axis), lambda x: x.sort(axis, descending=keep).values, lambda x: F.softmin(x, axis),
        lambda x: x.topk(1 + x.shape[axis] // 2, axis).values, lambda x: x.max(axis, keep).values,
        lambda x: x.min(axis).values, lambda x: x.median(axis, keep).values, lambda x: x.kthvalue(1, axis, keep).values,
        lambda x: F.layer_norm(x, (length,)), lambda x: F.rms_norm(x, (length,)), lambda x: F.glu(x, axis),
        lambda x: x - x.mean(axis, keepdim=True), lambda x: x * torch.rsqrt(x.square().mean(axis, keepdim=True) + 1e-3),
        lambda x: x.renorm(2, axis, 0.5), lambda x: F.group_norm(x, 1), lambda x: F.instance_norm(x),
        lambda x: F.batch_norm(x, None, None, training=True), lambda x: torch.trapezoid(x, dim=axis),
    ]  # fmt: skip
    return draw.choice(ways)


def indexed(draw: Random, x: Tensor) -> Computes:
    axis = draw.randrange(x.dim())
    numbers = [draw.randrange(x.shape[axis]) for _ in range(draw.randint(0, 4))]
    index = torch.tensor(numbers, dtype=torch.int64)
    mask = torch.tensor([draw.random() < 0.5 for _ in range(x.numel())], dtype=torch.bool).reshape(x.shape)
    full = torch.tensor([draw.randrange(x.shape[axis]) for _ in range(x.numel())]).reshape(x.shape)
    wide = x.shape[axis]
    ways: list[Computes] = [
        lambda x: x.index_select(axis, index), lambda x: x[(*[slice(None)] * axis, index)], lambda x: x[mask],
        lambda x: x.gather(axis, full), lambda x: x.take_along_dim(full, axis), lambda x: x.masked_select(mask),
        lambda x: torch.zeros_like(x).scatter_add(axis, full, x), lambda x: x.masked_fill(mask, 0.3),
        lambda x: x.index_add(axis, index, torch.ones_like(x.index_select(axis, index)), alpha=2),
        lambda x: x.new_zeros(wide).index_put((index,), x.reshape(-1)[: len(numbers)].clone(), accumulate=True),
        lambda x: torch.where(mask, x, x * 2), lambda x: x.index_fill(axis, index, 0.5),
        lambda x: F.embedding(full.reshape(-1)[:3], x.reshape(wide, -1)), lambda x: x.take(full.reshape(-1)[:5]),
        lambda x: x.scatter_reduce(axis, full, x, "sum"), lambda x: x.scatter_reduce(axis, full, x * 2, "mean"),
        lambda x: F.nll_loss(x.log_softmax(-1), full.reshape(-1)[: len(x)] % x.shape[-1]),
        lambda x: F.cross_entropy(x, full.reshape(-1)[: len(x)] % x.shape[1], label_smoothing=0.1),
    ]  # fmt: skip
    if len(x):  # torch returns memory that nobody wrote for an empty batch
        ways.append(lambda x: F.multi_margin_loss(x, full.reshape(-1)[: len(x)] % x.shape[1]))
    return draw.choice(ways)


def written(draw: Random, x: Tensor) -> Computes:
    """Writes in place, into a copy and into views of it."""
    axis, place = draw.randrange(x.dim()), draw.randrange(max(1, min(x.shape)))
    mask = torch.tensor([draw.random() < 0.5 for _ in range(x.numel())], dtype=torch.bool).reshape(x.shape)

    def through(change: Callable[[Tensor], object]) -> Computes:
        def computes(x: Tensor) -> Tensor:
            y = x * 1.5
            change(y)
            return y

        return computes

    ways: list[Callable[[Tensor], object]] = [
        lambda y: y.select(axis, place).mul_(2), lambda y: y.select(axis, place).zero_(), lambda y: y.masked_fill_(mask, 2),
        lambda y: y[..., 0].copy_(y[..., -1].clone()), lambda y: y.transpose(0, -1).add_(1), lambda y: y.relu_(),
        lambda y: y.narrow(axis, place, 1).sin_(), lambda y: y.clamp_(min=-0.4), lambda y: y.sub_(y.mean()),
        lambda y: y[1:].add_(y[:-1].clone()), lambda y: y.view(-1)[::2].mul_(-1), lambda y: y.index_fill_(0, torch.tensor([place]), 1.0),
        lambda y: y.copy_(y.flip(0)), lambda y: y.diagonal().add_(1), lambda y: y.__setitem__(mask, y.mean()),
    ]  # fmt: skip
    return through(draw.choice(ways))


def padded(draw: Random, x: Tensor) -> Computes:
    amounts = [draw.randint(0, 2), draw.randint(0, 2)]
    mode = draw.choice(["reflect", "replicate", "circular"])
    ways: list[Computes] = [
        lambda x: F.pad(x, amounts, value=0.5), lambda x: F.pad(x, [*amounts, 1, -1]), lambda x: F.pad(x, amounts, mode=mode),
        lambda x: F.avg_pool1d(x, 2, 1), lambda x: F.max_pool1d(x, 2, 1), lambda x: F.interpolate(x, scale_factor=2),
        lambda x: F.interpolate(x, size=3, mode="linear"), lambda x: F.adaptive_avg_pool1d(x, 2), lambda x: F.lp_pool1d(x, 2, 2),
        lambda x: F.max_pool2d(x, 2, 1), lambda x: F.avg_pool2d(x, 2, 1), lambda x: F.unfold(x, 2), lambda x: F.pixel_shuffle(x, 2),
        lambda x: F.interpolate(x, size=(3, 2), mode="bilinear", align_corners=True), lambda x: F.adaptive_max_pool2d(x, 2),
    ]  # fmt: skip
    return draw.choice(ways)


def product(draw: Random, x: Tensor, y: Tensor) -> Computes:
    ways: list[Computes] = [
        torch.matmul, lambda x, y: x @ y.mT, lambda x, y: F.linear(x, y), lambda x, y: torch.outer(x.reshape(-1)[:4], y.reshape(-1)[:3]),
        lambda x, y: torch.einsum("...i,...i->...", x, y), lambda x, y: torch.tensordot(x, y, 1), lambda x, y: torch.kron(x, y),
        lambda x, y: F.conv1d(x, y, padding=1), lambda x, y: F.conv2d(x, y), lambda x, y: F.conv_transpose1d(x, y, stride=2),
        lambda x, y: F.scaled_dot_product_attention(x, y, y), lambda x, y: torch.cdist(x, y), lambda x, y: torch.addmm(x, x, y),
        lambda x, y: torch.linalg.solve(x @ x.mT + torch.eye(len(x), dtype=x.dtype), x), lambda x, y: F.bilinear(x, x, y),
        lambda x, y: torch.linalg.det(x @ x.mT + 1), lambda x, y: torch.linalg.cross(x, y), lambda x, y: torch.linalg.multi_dot([x, y, y]),
        lambda x, y: torch.linalg.inv(x @ x.mT + torch.eye(x.shape[-2], dtype=x.dtype)),
        lambda x, y: torch.linalg.cholesky(x @ x.mT + torch.eye(x.shape[-2], dtype=x.dtype)),
    ]  # fmt: skip
    return draw.choice(ways)


def _on_the_diagonal(x: Tensor, y: Tensor) -> Tensor:
    if (0,) in (x.shape, y.shape):
        raise ValueError("beside an empty vector torch gives the gradient of another row")
    return torch.block_diag(x, y)


def joined(draw: Random, x: Tensor, y: Tensor) -> Computes:
    axis, mask = _axis(draw, x), torch.tensor([draw.random() < 0.5 for _ in range(x.numel())], dtype=torch.bool)
    ways: list[Computes] = [
        lambda x, y: torch.cat([x, y], axis), lambda x, y: torch.stack([x, y, x], axis), lambda x, y: torch.cat([x, y, x * 2]),
        lambda x, y: torch.where(mask.reshape(x.shape), x, y), _on_the_diagonal, torch.dstack,
        lambda x, y: torch.meshgrid(x, y, indexing="ij")[1] * 2, lambda x, y: x.index_copy(0, torch.tensor([0]), y[:1]),
        lambda x, y: x.clone().index_put_((torch.tensor([0]),), y[0]), lambda x, y: torch.broadcast_tensors(x, y)[0],
    ]  # fmt: skip
    return draw.choice(ways)


def cast(draw: Random, x: Tensor) -> Computes:
    dtype = draw.choice([torch.float64, torch.float32])
    back = draw.random() < 0.5
    return lambda x: x.to(dtype).sin().to(x.dtype) if back else x.to(dtype)


def by_complex(draw: Random, x: Tensor) -> Computes:
    ways: list[Computes] = [
        lambda x: torch.complex(x, x.sin()), lambda x: torch.fft.fft(x), lambda x: torch.fft.rfft(x).abs(), torch.view_as_complex,
        lambda x: torch.polar(x.abs() + 1, x), lambda x: torch.fft.irfft(torch.complex(x, x)), lambda x: (x * 1j).exp().imag,
    ]  # fmt: skip
    return draw.choice(ways)


def of_complex(draw: Random, z: Tensor) -> Computes:
    ways: list[Computes] = [
        torch.real, torch.imag, torch.abs, torch.conj, torch.view_as_real, lambda z: z * z.conj(), lambda z: z.exp(),
        lambda z: z * z, lambda z: torch.fft.ifft(z), lambda z: z / (2 + z * z.conj()), lambda z: (z * (1 + 2j)).sum(),
        lambda z: z.mT, lambda z: z @ z.mH, lambda z: z.sum(-1), lambda z: z.angle(), lambda z: z.reshape(-1), lambda z: z.sin(),
    ]  # fmt: skip
    return draw.choice(ways)


#: Of one operand of real numbers, with how often each is drawn; an elementwise function, and those of shapes.
OF_ONE: Sequence[tuple[Draws, int]] = (
    (lambda draw, x: draw.choice(ELEMENTWISE), 10), (transpose, 2), (permute, 1), (reshape, 2), (squeeze, 1), (expand, 2), (slices, 2),
    (select, 1), (part, 1), (moved, 3), (reduced, 4), (along, 5), (indexed, 4), (written, 4), (padded, 3), (cast, 1), (by_complex, 1),
)  # fmt: skip

OF_TWO: Sequence[tuple[Draws, int]] = ((lambda draw, x, y: draw.choice(BINARY), 6), (product, 4), (joined, 3))
