"""Losses of ``torch.nn.functional``, each of a line or of parameters for each feature."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from benchmarks.torch_program import TorchProgram

_PROBABILITY = ("x > 0", "x < 1", "y > 0", "y < 1")

FUNCTIONALS = {
    "mse_loss": TorchProgram(lambda w, x, y: F.mse_loss(x @ w, y), "w[2]", "x[2] y"),
    "mse_loss_sum": TorchProgram(lambda w, x, y: F.mse_loss(x @ w, y, reduction="sum"), "w[2]", "x[2] y"),
    "l1_loss": TorchProgram(lambda w, x, y: F.l1_loss(x @ w, y), "w[2]", "x[2] y"),
    "huber_delta": TorchProgram(lambda a, x, y: F.huber_loss(a * x, y, delta=0.75), "a", "x y"),
    "smooth_l1": TorchProgram(lambda a, x, y: F.smooth_l1_loss(a * x, y), "a", "x y"),
    "smooth_l1_beta": TorchProgram(lambda a, x, y: F.smooth_l1_loss(a * x, y, beta=0.3), "a", "x y"),
    "binary_cross_entropy": TorchProgram(
        lambda a, b, x, y: F.binary_cross_entropy(torch.sigmoid(a * x + b), y), "a b", "x y", ("y > 0", "y < 1")
    ),
    "binary_cross_entropy_weighted": TorchProgram(
        lambda c, x, y: F.binary_cross_entropy(x * c, y, weight=torch.tensor(1.5)),
        "c", "x y", (*_PROBABILITY, "c > 0", "c < 1"),
    ),
    "bce_with_logits_pos_weight": TorchProgram(
        lambda a, x, y: F.binary_cross_entropy_with_logits(a * x, y, pos_weight=torch.tensor(2.5)),
        "a", "x y", ("y > 0", "y < 1"),
    ),
    "bce_with_logits_sum": TorchProgram(
        lambda w, x, y: F.binary_cross_entropy_with_logits(x @ w, y, reduction="sum"),
        "w[3]", "x[3] y", ("y > 0", "y < 1"),
    ),
    "poisson_nll_rate": TorchProgram(
        lambda a, x, y: F.poisson_nll_loss(a * x, y, log_input=False), "a", "x y", ("a > 0", "x > 0", "y > 0")
    ),
    "poisson_nll_full": TorchProgram(lambda a, x, y: F.poisson_nll_loss(a * x, y, full=True), "a", "x y", ("y > 0",)),
    "gaussian_nll": TorchProgram(
        lambda a, s, x, y: F.gaussian_nll_loss(a * x, y, s**2 + x**2), "a s", "x y", ("s > 0",)
    ),
    "gaussian_nll_full": TorchProgram(
        lambda a, x, y, v: F.gaussian_nll_loss(a * x, y, v, full=True), "a", "x y v", ("v > 0",)
    ),
    "kl_div": TorchProgram(
        lambda w, x, y: F.kl_div(F.log_softmax(x * w, -1), y, reduction="batchmean"),
        "w[3]", "x[3] y[3]", ("y1 > 0", "y2 > 0", "y3 > 0"),
    ),
    "kl_div_log_target": TorchProgram(
        lambda w, x, y: F.kl_div(F.log_softmax(x * w, -1), y, reduction="batchmean", log_target=True),
        "w[3]", "x[3] y[3]",
    ),
    "cosine_similarity": TorchProgram(
        lambda w, x, y: F.cosine_similarity(x * w, y, dim=-1).mean(),
        "w[3]", "x[3] y[3]",
    ),
    "margin_ranking": TorchProgram(
        lambda a, x, z, y: F.margin_ranking_loss(a * x, z, y, margin=0.25), "a", "x z y"
    ),
    "hinge_embedding": TorchProgram(
        lambda a, x: (
            F.hinge_embedding_loss(a * x, torch.ones_like(x)) + F.hinge_embedding_loss(x - a, -torch.ones_like(x))
        ),
        "a", "x",
    ),
    "soft_margin": TorchProgram(lambda a, x, y: F.soft_margin_loss(a * x, y), "a", "x y", constant=("y",)),
    "triplet_margin": TorchProgram(
        lambda w, x, p, q: F.triplet_margin_loss(x * w, p, q), "w[2]", "x[2] p[2] q[2]"
    ),
    "cosine_embedding": TorchProgram(
        lambda w, x, y: F.cosine_embedding_loss(x * w, y, torch.ones(x.shape[0])), "w[2]", "x[2] y[2]"
    ),
    "cross_entropy": TorchProgram(
        lambda W, b, x, y: F.cross_entropy(F.linear(x, W, b), y), "W[3,2] b[3]", "x[2] y[3]"
    ),
    "cross_entropy_smoothed": TorchProgram(
        lambda W, x, y: F.cross_entropy(x @ W.T, y, label_smoothing=0.1), "W[3,2]", "x[2] y[3]"
    ),
    "soft_nll": TorchProgram(lambda w, x, y: -(y * F.log_softmax(x * w, dim=1)).sum(1).mean(), "w[3]", "x[3] y[3]"),
    "softmax_brier": TorchProgram(
        lambda w, x, y: ((torch.softmax(x + w, -1) - y) ** 2).sum(-1).mean(), "w[3]", "x[3] y[3]"
    ),
    "multilabel_soft_margin": TorchProgram(
        lambda w, x, y: F.multilabel_soft_margin_loss(x * w, y), "w[2]", "x[2] y[2]"
    ),
    "pairwise_distance": TorchProgram(lambda w, x, y: F.pairwise_distance(x * w, y).mean(), "w[2]", "x[2] y[2]"),
    "normalize": TorchProgram(
        lambda w, x, y: ((x * F.normalize(w, dim=0)).sum(-1) - y).square().mean(), "w[2]", "x[2] y"
    ),
    "layer_norm": TorchProgram(lambda w, x, y: F.mse_loss(F.layer_norm(x * w, (3,)), y), "w[3]", "x[3] y[3]"),
}  # fmt: skip
