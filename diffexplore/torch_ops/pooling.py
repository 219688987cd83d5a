"""Records of pooling."""

from __future__ import annotations

from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.records import Operator, unbounded
from diffexplore.torch_ops.tensor_rules.pooling import average, largest

OPERATORS: tuple[Operator, ...] = (
    unbounded("avg_pool2d", EVERYWHERE, on_tensors=average(2)),
    unbounded("avg_pool3d", EVERYWHERE, on_tensors=average(3)),
    unbounded("_adaptive_avg_pool2d", EVERYWHERE, on_tensors=average(2, adaptive=True)),
    unbounded("_adaptive_avg_pool3d", EVERYWHERE, on_tensors=average(3, adaptive=True)),
    unbounded("max_pool2d_with_indices", EVERYWHERE, on_tensors=largest(2)),
    unbounded("max_pool3d_with_indices", EVERYWHERE, on_tensors=largest(3)),
    unbounded("adaptive_max_pool2d", EVERYWHERE, on_tensors=largest(2, adaptive=True)),
    unbounded("adaptive_max_pool3d", EVERYWHERE, on_tensors=largest(3, adaptive=True)),
)
