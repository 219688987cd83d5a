"""Arguments of the pieces at widths of 64: features, classes, channels, positions, or the side of a matrix."""

from __future__ import annotations

from typing import Any

import torch

from handwritten.pieces import labels, normal

WIDTH = 64


def wide_inputs() -> dict[str, tuple[Any, ...]]:
    """The arguments of each piece by its name, made anew; the axes that a piece is about have 64 entries."""
    return _of_features() | _of_attention() | _of_losses() | _of_matrices() | _of_norms() | _of_steps()


def _positive(*shape: int) -> torch.Tensor:
    return (normal(*shape, grad=False).abs() + 0.5).requires_grad_()


def _spread(*shape: int) -> torch.Tensor:
    return (normal(*shape, grad=False) * 3).requires_grad_()


def _signs(*shape: int, seed: int = 0) -> torch.Tensor:
    return (normal(*shape, seed=seed, grad=False) > 0).double()


def _of_features() -> dict[str, tuple[Any, ...]]:
    x = (16, WIDTH)
    return {
        "Swish": (normal(*x),),
        "Mish": (normal(*x),),
        "HardSigmoid": (_spread(*x),),
        "HardSwish": (_spread(*x),),
        "GeluTanh": (normal(*x),),
        "LeakyReLU": (normal(*x), 0.125),
        "PReLU": (normal(2, WIDTH, 5), normal(WIDTH)),
        "SwiGLU": (normal(*x), normal(WIDTH, 32, seed=1), normal(WIDTH, 32, seed=2)),
        "GegluPacked": (normal(8, 2 * WIDTH),),
        "Snake": (normal(*x), _positive(WIDTH)),
        "Softmax": (normal(*x),),
        "LogSoftmax": (normal(*x),),
        "LogSumExp": (normal(*x),),
        "Sparsemax": (normal(*x),),
        "Entmax15": (normal(*x),),
        "GumbelSoftmax": (normal(*x), normal(*x, seed=3, grad=False), 0.5),
        "Sinkhorn": (normal(WIDTH, WIDTH),),
        "MaskedSoftmax": (normal(*x), _signs(*x, seed=4).bool()),
        "RoundSTE": (normal(*x),),
        "LSQ": (normal(*x), torch.tensor([0.3], dtype=torch.float64, requires_grad=True), -4, 3),
        "DoReFa": (normal(*x), 3),
        "SigmoidSpike": (normal(*x),),
        "ATanSpike": (normal(*x), 2.0),
        "GradientReversal": (normal(*x), 0.5),
        "StraightThroughVQ": (normal(16, WIDTH), normal(8, WIDTH)),
        "BinaryWeights": (normal(*x),),
    }


def _of_attention() -> dict[str, tuple[Any, ...]]:
    angles = torch.arange(5, dtype=torch.float64)[:, None] * 0.5 ** torch.arange(WIDTH // 2, dtype=torch.float64)
    heads, sequence = (2, 2, WIDTH, 16), (2, WIDTH, 16)
    return {
        "Linear": (normal(16, WIDTH), normal(32, WIDTH), normal(32, seed=2)),
        "Bilinear": (normal(16, WIDTH), normal(WIDTH, WIDTH, seed=1), normal(16, WIDTH, seed=2)),
        "Attention": (normal(*heads), normal(*heads, seed=1), normal(*heads, seed=2)),
        "CausalAttention": (normal(*sequence), normal(*sequence, seed=1), normal(*sequence, seed=2)),
        "RoPE": (normal(2, 5, WIDTH), angles.cos(), angles.sin()),
        "Embedding": (normal(6, WIDTH), torch.tensor([[1, 4, 0], [4, 2, 5]]), 0),
        "AddBias": (normal(3, WIDTH, 2), normal(WIDTH)),
        "MixtureGate": (normal(16, WIDTH), normal(2, WIDTH, WIDTH), normal(16, 2)),
    }


def _of_losses() -> dict[str, tuple[Any, ...]]:
    scores = (16, WIDTH)
    return {
        "FocalLoss": (normal(*scores), labels(16, WIDTH), 2.0),
        "DiceLoss": (normal(2, 3, WIDTH), _signs(2, 3, WIDTH)),
        "LovaszHinge": (_spread(WIDTH), (torch.arange(WIDTH) % 3 == 0).double()),
        "LabelSmoothing": (normal(*scores), labels(16, WIDTH), 0.1),
        "CrossEntropy": (normal(*scores), torch.cat((labels(15, WIDTH), torch.tensor([-1])))),
        "BCEWithLogits": (normal(*scores), _signs(*scores, seed=2), 1 + _signs(WIDTH, seed=3)),
        "Huber": (normal(*scores), normal(*scores, seed=3), 1.0),
        "InfoNCE": (normal(*scores), normal(*scores, seed=1), 0.5),
        "CosineLoss": (normal(*scores), normal(*scores, seed=1)),
        "TotalVariation": (normal(2, WIDTH, 16),),
        "SoftmaxLoss": (normal(*scores), labels(16, WIDTH)),
        "SVMLoss": (normal(*scores), labels(16, WIDTH)),
    }


def _of_matrices() -> dict[str, tuple[Any, ...]]:
    a, one = normal(WIDTH, WIDTH, grad=False) / 8, torch.eye(WIDTH, dtype=torch.float64)
    spd, regular = a @ a.t() + 2 * one, a + 3 * one
    return {
        "MatrixSquareRoot": (spd.clone().requires_grad_(),),
        "Inverse": (regular.clone().requires_grad_(),),
        "LogDet": (spd.clone().requires_grad_(),),
        "Solve": (regular.clone().requires_grad_(), normal(WIDTH, 3)),
        "Mahalanobis": (normal(5, WIDTH), spd.clone().requires_grad_()),
        "PairDistances": (normal(16, WIDTH), normal(16, WIDTH, seed=1)),
    }


def _of_norms() -> dict[str, tuple[Any, ...]]:
    return {
        "LayerNorm": (normal(2, 3, WIDTH), normal(WIDTH, seed=1), normal(WIDTH, seed=2)),
        "RMSNorm": (normal(16, WIDTH), normal(WIDTH)),
        "BatchNorm": (normal(3, WIDTH, 2, 2), normal(WIDTH, seed=1), normal(WIDTH, seed=2)),
        "GroupNorm": (normal(2, WIDTH, 3), normal(WIDTH), 8),
        "InstanceNorm": (normal(2, WIDTH, 3, 2),),
        "L2Normalize": (normal(16, WIDTH),),
        "WeightNorm": (normal(16, WIDTH), normal(16, 1)),
        "Affine": (normal(16, 4, 16), normal(WIDTH, 32), normal(32)),
        "NaiveConv": (normal(1, WIDTH, 4, 4), normal(3, WIDTH, 3, 3), 1),
        "MaxPool": (normal(2, WIDTH, 4, 4),),
        "BatchNormByNodes": (normal(16, WIDTH), normal(WIDTH)),
        "Dropout": (normal(16, WIDTH), _signs(16, WIDTH, seed=5), 0.5),
    }


def _of_steps() -> dict[str, tuple[Any, ...]]:
    hidden = 32
    return {
        "RNNStep": (normal(16, WIDTH), normal(16, hidden), normal(WIDTH, hidden), normal(hidden, hidden)),
        "SoftDTW": (normal(WIDTH, 16).detach().abs().requires_grad_(), 0.7),
        "ChainPartition": (normal(6, WIDTH), normal(WIDTH, WIDTH)),
        "SelectiveScan": (
            torch.sigmoid(normal(9, WIDTH).detach()).requires_grad_(),
            normal(9, WIDTH, seed=1),
            normal(9, WIDTH, seed=2),
        ),
    }
