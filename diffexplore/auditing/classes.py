"""Puts every entry into exactly one class: the elementwise ones, which are decided, and those out of scope, by kind."""

from __future__ import annotations

import re

from diffexplore.auditing.rulebook import RulebookEntry
from diffexplore.auditing.signature import cases

UNARY = "elementwise, one argument"
SEVERAL = "elementwise, several arguments"
SECOND = "elementwise backward operators"
LISTS = "elementwise on lists"
IN_SCOPE = (UNARY, SEVERAL, SECOND, LISTS)
"""The classes whose entries are decided."""

NOT_DIFFERENTIABLE = "not differentiable"
NOT_GIVEN = "no derivative given"
RANDOM = "random"
UNCLASSIFIED = "unclassified"

_RANDOM = re.compile(r"bernoulli.*|.*dropout.*|rrelu.*|_standard_gamma|poisson|normal|multinomial")

#: The first pattern that the plain name of an operator fits decides; names of releases to come should fit, too.
_KINDS: tuple[tuple[str, str], ...] = (
    ("tests of autograd", r"_test_.*"),
    ("sparse and nested", r".*sparse.*|.*nested.*|_coalesce|_?values|_to_dense|to_padded_tensor|.*_jagged"),
    ("Fourier transforms", r"_fft_.*"),
    ("complex numbers", r"complex|polar|_?conj.*|view_as_real|view_as_complex|_neg_view|real|imag"),
    ("quantisation", r".*fake_quant.*|_fused_moving_avg_obs_fq_helper"),
    ("recurrent layers and attention", r".*attention.*|.*_rnn.*|.*lstm.*|.*gru.*|_pack_padded_sequence.*"),
    ("losses over classes", r".*nll_loss.*|.*ctc_loss.*|multi_margin_loss|multilabel_margin_loss.*"),
    (
        "convolutions, pooling and sampling",
        r".*conv.*|.*pool.*|.*upsample.*|.*grid_sampler.*|.*affine_grid.*|col2im|im2col|.*_pad\dd.*|constant_pad_nd",
    ),
    ("normalisation", r".*(batch|layer|group|rms)_norm.*|_weight_norm.*|renorm"),
    ("softmax and gates", r".*softmax.*|glu.*"),
    (
        "linear algebra",
        r".*linalg.*|.*mm|addr|baddbmm|addbmm|addmv|mv|v?dot|matmul|.*linear(_backward)?|cholesky.*|ormqr|geqrf"
        r"|triangular_solve|lu_unpack|trace|_trilinear|_foreach_mm",
    ),
    (
        "indexing",
        r"gather|scatter.*|_?index.*|_unsafe_(masked_)?index.*|take|put|masked_s.*|.*embedding.*|segment_reduce",
    ),
    (
        "reductions and orders",
        r"sum|nansum|mean|prod|(std|var)(_mean)?|.*norm|max|min|a?minmax|amax|amin|.*median|mode|kthvalue|sort|topk"
        r"|cum.*|logsumexp|logcumsumexp|dist|_?[pc]dist.*|_pdist.*|_cdist.*|_euclidean_dist|.*unique.*",
    ),
    (
        "views and movement",
        r"alias|as_strided.*|.*expand|permute|_?reshape.*|_mkldnn_reshape|_?(unsafe_)?view|.*transpose_?|t_?"
        r"|(un)?squeeze_?|slice.*|select.*|narrow.*|diagonal.*|diag_embed|unfold.*|(unsafe_)?split.*|chunk|unbind|stack"
        r"|cat|block_diag|repeat|roll|rot90|flip|tril|triu|(un)?pixel_.*|pixel_unshuffle|channel_shuffle",
    ),
    ("copies and casts", r"_to_copy|to_mkldnn|_pin_memory|lift.*"),
    ("steps of floating point", r"nextafter"),
    ("Bessel functions", r"special_(modified_)?bessel_[a-z]\d"),  # differentiable since torch 2.15
)


def class_of(entry: RulebookEntry) -> str:
    """The one class of an entry; ``unclassified`` where nothing is known of it."""
    formulas = set(entry.gradients.values())
    no_output = entry.output_differentiability and not any(entry.output_differentiability)
    if formulas == {"non_differentiable"} or no_output:
        return NOT_DIFFERENTIABLE
    given = [text for text in formulas if not text.startswith(("not_implemented", "non_differentiable"))]
    if not (given or entry.tangents or entry.dispatch):
        return NOT_GIVEN
    base = entry.signature.base
    if _RANDOM.fullmatch(base) or any(argument.type.startswith("Generator") for argument in entry.signature.arguments):
        return RANDOM
    if cases(entry.signature):
        return _elementwise(entry)
    return next((kind for kind, pattern in _KINDS if re.fullmatch(pattern, base)), UNCLASSIFIED)


def _elementwise(entry: RulebookEntry) -> str:
    signature = entry.signature
    if signature.base.startswith("_foreach_"):
        return LISTS
    if any(argument.name.startswith("grad_out") for argument in signature.arguments):
        return SECOND
    return UNARY if len(signature.tensors) == 1 else SEVERAL
