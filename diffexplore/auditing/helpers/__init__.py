"""The C++ helpers that formulas call, written down from their sources, each with its citation.

"Manual" is ``torch/csrc/autograd/FunctionsManual.cpp``; "kernel" stands for the CPU kernels of ATen
(``aten/src/ATen/native/cpu``: Activation.cpp, BinaryOpsKernel.cpp; and ``Loss.cpp`` above them). They are read for real
numbers, one element at a time, with reduction "none". The tests hold every one against the operator itself.
"""

from diffexplore.auditing.helpers import activations, arithmetic, clamp, losses
from diffexplore.auditing.helpers.registry import HELPERS, AuditHelper, Version, helpers_of

__all__ = ["HELPERS", "AuditHelper", "Version", "activations", "arithmetic", "clamp", "helpers_of", "losses"]
