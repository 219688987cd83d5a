"""Composite kernels of torch with the same functions of Arb power series, whose first coefficient is the derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from flint import arb, arb_series, ctx

from diffexplore.arithmetic.balls import precision

Tensor = torch.Tensor

#: Labels, of which some are no signs.
TARGETS = [1, -1, 1, 0.5, 0, -1]

Series = Any  # flint has no types
Exact = Callable[..., list[Series]]

#: Where operands come from: of any size, ties among them; in (0, 1); positive.
REAL, UNIT, POSITIVE = "real", "unit", "positive"


@dataclass(frozen=True)
class Kernel:
    """A function of vectors, and the same of lists of series; one domain for each operand."""

    function: Callable[..., Tensor]
    exact: Exact
    domains: tuple[str, ...] = (REAL,)


def value(x: Series) -> arb:
    return x[0] if isinstance(x, arb_series) else arb(x)


def above(x: Series, limit: float) -> bool:
    return bool(value(x) > limit)


def each(function: Callable[..., Series]) -> Exact:
    return lambda *columns: [function(*entries) for entries in zip(*columns, strict=True)]


def total(terms: Sequence[Series]) -> Series:
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


def exp(x: Series) -> Series:
    return x.exp()


def sigmoid(x: Series) -> Series:
    return 1 / (1 + (-x).exp())


def tanh(x: Series) -> Series:
    return 2 * sigmoid(2 * x) - 1


def log1p_exp(x: Series) -> Series:
    return x + (1 + (-x).exp()).log() if above(x, 0) else (1 + x.exp()).log()


def softmax(x: Sequence[Series]) -> list[Series]:
    shift = max((value(entry) for entry in x), key=float)
    powers = [(entry - shift).exp() for entry in x]
    whole = total(powers)
    return [power / whole for power in powers]


def logsumexp(x: Sequence[Series]) -> Series:
    shift = max((value(entry) for entry in x), key=float)
    return total([(entry - shift).exp() for entry in x]).log() + shift


def moments(x: Sequence[Series], correction: int = 0) -> tuple[Series, Series]:
    mean = total(list(x)) / len(x)
    return mean, total([(entry - mean) * (entry - mean) for entry in x]) / (len(x) - correction)


def normed(x: Sequence[Series], epsilon: float) -> list[Series]:
    mean, var = moments(x)
    return [(entry - mean) / (var + arb(epsilon)).sqrt() for entry in x]


def running(x: Sequence[Series], step: Callable[[Series, Series], Series]) -> list[Series]:
    reached = [x[0]]
    for entry in x[1:]:
        reached.append(step(reached[-1], entry))
    return reached


def product(x: Sequence[Series]) -> Series:
    return running(x, lambda p, q: p * q)[-1]


def norm(x: Sequence[Series]) -> Series:
    return total([entry * entry for entry in x]).sqrt()


def erf(x: Series) -> Series:
    return x.erf()


def pick(condition: bool, taken: Series, otherwise: Series) -> Series:
    return taken if condition else otherwise


def huber(x: Series, delta: float) -> Series:
    size = pick(above(x, 0), x, -x)
    return pick(above(size, delta), delta * (size - arb(delta) / 2), x * x / 2)


def zeros(x: Series) -> Series:
    return x * 0


SELU_SCALE, SELU_ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"

KERNELS: dict[str, Kernel] = {
    "softmax": Kernel(lambda x: F.softmax(x, 0), softmax),
    "log_softmax": Kernel(lambda x: F.log_softmax(x, 0), lambda x: [entry - logsumexp(x) for entry in x]),
    "logsumexp": Kernel(lambda x: torch.logsumexp(x, 0).reshape(1), lambda x: [logsumexp(x)]),
    "logcumsumexp": Kernel(lambda x: torch.logcumsumexp(x, 0), lambda x: [logsumexp(x[: i + 1]) for i in range(len(x))]),
    "cross_entropy": Kernel(
        lambda x: F.cross_entropy(x.reshape(1, -1), torch.tensor([1])).reshape(1), lambda x: [logsumexp(x) - x[1]]
    ),
    "logaddexp": Kernel(torch.logaddexp, lambda x, y: [logsumexp(pair) for pair in zip(x, y, strict=True)], (REAL, REAL)),
    "logaddexp2": Kernel(
        torch.logaddexp2,
        lambda x, y: [logsumexp([u * arb(2).log(), v * arb(2).log()]) / arb(2).log() for u, v in zip(x, y, strict=True)],
        (REAL, REAL),
    ),
    "gelu": Kernel(F.gelu, each(lambda x: x * (1 + erf(x / arb(2).sqrt())) / 2)),
    "gelu of tanh": Kernel(
        lambda x: F.gelu(x, approximate="tanh"),
        each(lambda x: x * sigmoid(2 * (2 / arb.pi()).sqrt() * (x + arb("0.044715") * x * x * x))),
    ),
    "silu": Kernel(F.silu, each(lambda x: x * sigmoid(x))),
    "mish": Kernel(F.mish, each(lambda x: x * tanh(log1p_exp(x)))),
    "softplus": Kernel(F.softplus, each(lambda x: pick(above(x, 20), x, log1p_exp(x)))),
    "logsigmoid": Kernel(F.logsigmoid, each(lambda x: -log1p_exp(-x))),
    "elu": Kernel(lambda x: F.elu(x, 0.75), each(lambda x: pick(above(x, 0), x, 0.75 * (exp(x) - 1)))),
    "selu": Kernel(
        F.selu, each(lambda x: arb(SELU_SCALE) * pick(above(x, 0), x, arb(SELU_ALPHA) * (exp(x) - 1)))
    ),
    "celu": Kernel(lambda x: F.celu(x, 1.5), each(lambda x: pick(above(x, 0), x, 1.5 * (exp(x / 1.5) - 1)))),
    "leaky_relu": Kernel(lambda x: F.leaky_relu(x, 0.25), each(lambda x: pick(above(x, 0), x, x / 4))),
    "hardswish": Kernel(
        F.hardswish, each(lambda x: pick(above(x, 3), x, pick(above(x, -3), x * (x + 3) / 6, zeros(x))))
    ),
    "hardsigmoid": Kernel(
        F.hardsigmoid, each(lambda x: pick(above(x, 3), zeros(x) + 1, pick(above(x, -3), (x + 3) / 6, zeros(x))))
    ),
    "hardtanh": Kernel(
        F.hardtanh, each(lambda x: pick(above(x, 1), zeros(x) + 1, pick(above(x, -1), x, zeros(x) - 1)))
    ),
    "softshrink": Kernel(
        F.softshrink, each(lambda x: pick(above(x, 0.5), x - 0.5, pick(above(-x, 0.5), x + 0.5, zeros(x))))
    ),
    "glu": Kernel(lambda x: F.glu(x, 0), lambda x: [u * sigmoid(v) for u, v in zip(x[:3], x[3:], strict=True)]),
    "huber_loss": Kernel(
        lambda x, y: F.huber_loss(x, y, reduction="none", delta=0.75), each(lambda x, y: huber(x - y, 0.75)), (REAL, REAL)
    ),
    "smooth_l1_loss": Kernel(
        lambda x, y: F.smooth_l1_loss(x, y, reduction="none", beta=0.75),
        each(lambda x, y: huber(x - y, 0.75) / 0.75),
        (REAL, REAL),
    ),
    "mse_loss": Kernel(
        lambda x, y: F.mse_loss(x, y).reshape(1),
        lambda x, y: [total([(u - v) * (u - v) for u, v in zip(x, y, strict=True)]) / len(x)],
        (REAL, REAL),
    ),
    "binary_cross_entropy": Kernel(
        lambda x, y: F.binary_cross_entropy(x, y, reduction="none"),
        each(lambda x, y: -y * x.log() - (1 - y) * (1 - x).log()),
        (UNIT, UNIT),
    ),
    "binary_cross_entropy_with_logits": Kernel(
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
        each(lambda x, y: log1p_exp(x) - x * y),
        (REAL, UNIT),
    ),
    "soft_margin_loss": Kernel(
        lambda x: F.soft_margin_loss(x, x.new_tensor(TARGETS), reduction="none"),
        lambda x: [log1p_exp(-t * entry) for t, entry in zip(TARGETS, x, strict=True)],
    ),
    "kl_div": Kernel(
        lambda x, y: F.kl_div(x, y, reduction="none"), each(lambda x, y: y * (y.log() - x)), (REAL, POSITIVE)
    ),
    "layer_norm": Kernel(lambda x: F.layer_norm(x, x.shape, eps=0.125), lambda x: normed(x, 0.125)),
    "group_norm": Kernel(
        lambda x: F.group_norm(x.reshape(1, 6), 2, eps=0.125).reshape(6),
        lambda x: [*normed(x[:3], 0.125), *normed(x[3:], 0.125)],
    ),
    "batch_norm": Kernel(
        lambda x: F.batch_norm(x.reshape(3, 2), None, None, training=True, eps=0.125).reshape(6),
        lambda x: [
            entry for pair in zip(normed(x[::2], 0.125), normed(x[1::2], 0.125), strict=True) for entry in pair
        ],
    ),
    "rms_norm": Kernel(
        lambda x: F.rms_norm(x, x.shape, eps=0.125),
        lambda x: [entry / (total([e * e for e in x]) / len(x) + 0.125).sqrt() for entry in x],
    ),
    "var": Kernel(lambda x: x.var().reshape(1), lambda x: [moments(x, 1)[1]]),
    "std": Kernel(lambda x: x.std(0).reshape(1), lambda x: [moments(x, 1)[1].sqrt()]),
    "norm": Kernel(lambda x: torch.linalg.vector_norm(x).reshape(1), lambda x: [norm(x)], (POSITIVE,)),
    "norm of order 3": Kernel(
        lambda x: torch.linalg.vector_norm(x, 3).reshape(1),
        lambda x: [(total([e * e * e for e in x]).log() / 3).exp()],
        (POSITIVE,),
    ),
    "normalize": Kernel(
        lambda x: F.normalize(x, dim=0), lambda x: [entry / norm(x) for entry in x], (POSITIVE,)
    ),
    "cosine_similarity": Kernel(
        lambda x, y: F.cosine_similarity(x, y, dim=0).reshape(1),
        lambda x, y: [total([u * v for u, v in zip(x, y, strict=True)]) / (norm(x) * norm(y))],
        (POSITIVE, POSITIVE),
    ),
    "cdist": Kernel(
        lambda x, y: torch.cdist(x.reshape(1, -1), y.reshape(1, -1)).reshape(1),
        lambda x, y: [norm([u - v for u, v in zip(x, y, strict=True)])],
        (POSITIVE, REAL),
    ),
    "hypot": Kernel(torch.hypot, each(lambda x, y: (x * x + y * y).sqrt()), (POSITIVE, REAL)),
    "prod": Kernel(lambda x: x.prod().reshape(1), lambda x: [product(x)]),
    "cumsum": Kernel(lambda x: x.cumsum(0), lambda x: running(x, lambda p, q: p + q)),
    "cumprod": Kernel(lambda x: x.cumprod(0), lambda x: running(x, lambda p, q: p * q), (POSITIVE,)),
    "lerp": Kernel(lambda x, y: torch.lerp(x, y, 0.3), each(lambda x, y: x + arb(0.3) * (y - x)), (REAL, REAL)),
    "lerp of a weight": Kernel(torch.lerp, each(lambda x, y, w: x + w * (y - x)), (REAL, REAL, REAL)),
    "addcmul": Kernel(
        lambda x, y, z: torch.addcmul(x, y, z, value=0.3), each(lambda x, y, z: x + arb(0.3) * y * z), (REAL,) * 3
    ),
    "addcdiv": Kernel(
        lambda x, y, z: torch.addcdiv(x, y, z, value=0.3),
        each(lambda x, y, z: x + arb(0.3) * y / z),
        (REAL, REAL, POSITIVE),
    ),
    "xlogy": Kernel(torch.xlogy, each(lambda x, y: x * y.log()), (REAL, POSITIVE)),
    "xlog1py": Kernel(torch.special.xlog1py, each(lambda x, y: x * (1 + y).log()), (REAL, POSITIVE)),
    "entr": Kernel(torch.special.entr, each(lambda x: -x * x.log()), (POSITIVE,)),
    "logit": Kernel(torch.logit, each(lambda x: x.log() - (1 - x).log()), (UNIT,)),
    "log2": Kernel(torch.log2, each(lambda x: x.log() / arb(2).log()), (POSITIVE,)),
    "log10": Kernel(torch.log10, each(lambda x: x.log() / arb(10).log()), (POSITIVE,)),
    "sinc": Kernel(torch.sinc, each(lambda x: (arb.pi() * x).sin() / (arb.pi() * x)), (POSITIVE,)),
    "matmul": Kernel(
        lambda x, y: (x.reshape(2, 3) @ y.reshape(3, 2)).reshape(4),
        lambda x, y: [total([x[3 * i + k] * y[2 * k + j] for k in range(3)]) for i in range(2) for j in range(2)],
        (REAL, REAL),
    ),
    "linear": Kernel(
        lambda x, y, z: F.linear(x.reshape(2, 3), y.reshape(2, 3), z[:2]).reshape(4),
        lambda x, y, z: [
            total([x[3 * i + k] * y[3 * j + k] for k in range(3)]) + z[j] for i in range(2) for j in range(2)
        ],
        (REAL,) * 3,
    ),
    "conv1d": Kernel(
        lambda x, y: F.conv1d(x.reshape(1, 1, 6), y[:3].reshape(1, 1, 3)).reshape(4),
        lambda x, y: [total([x[i + k] * y[k] for k in range(3)]) for i in range(4)],
        (REAL, REAL),
    ),
}  # fmt: skip


def exact_results(
    kernel: Kernel, columns: Sequence[Sequence[float]], upstream: Sequence[float]
) -> tuple[list[arb], list[list[arb]]]:
    """The values, and the gradient of Σ uₖ outₖ by every entry of every operand (first coefficients of series)."""
    # Enough for 1 − tanh(1000) and the like.
    with precision(3200):
        return _series_results(kernel, columns, upstream)


def _series_results(
    kernel: Kernel, columns: Sequence[Sequence[float]], upstream: Sequence[float]
) -> tuple[list[arb], list[list[arb]]]:
    ctx.cap = 2
    plain = [[arb_series([arb(entry)]) for entry in column] for column in columns]
    values = [value(out) for out in kernel.exact(*plain)]
    gradients = []
    for number, column in enumerate(columns):
        row = []
        for place in range(len(column)):
            moved = [list(entries) for entries in plain]
            moved[number][place] = arb_series([arb(column[place]), arb(1)])
            outs = kernel.exact(*moved)
            row.append(total([arb(u) * out[1] for u, out in zip(upstream, outs, strict=True)]))
        gradients.append(row)
    return values, gradients
