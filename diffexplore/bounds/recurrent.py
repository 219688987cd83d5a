"""A layer of a long short-term memory in elementary steps, as oneDNN computes it in one kernel, and its gradients.

Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, with forget gates
(F. A. Gers et al., 2000); the gates lie in the order of ``torch.nn.LSTM``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from diffexplore.bounds.backward_steps import gradients

Tensor = torch.Tensor

_LSTM = 2


def layer(
    x: Tensor, w_input: Tensor, w_hidden: Tensor, b_input: Tensor, b_hidden: Tensor, hidden: Tensor, cell: Tensor,
    reverse: bool, batch_sizes: Sequence[int], mode: int, hidden_size: int, num_layers: int, has_biases: bool,
    bidirectional: bool, batch_first: bool, train: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """mkldnn_rnn_layer: x (time, batch, features); all outputs, the last hidden state, the last cell."""
    if mode != _LSTM or batch_sizes:
        raise NotImplementedError("another recurrent layer")
    given = x @ w_input.mT + b_input + b_hidden if has_biases else x @ w_input.mT
    h, c = (state.reshape(x.shape[1], hidden_size) for state in (hidden, cell))
    found: list[Tensor] = []
    for row in given.flip(0).unbind(0) if reverse else given.unbind(0):
        entry, kept, new, seen = (row + h @ w_hidden.mT).chunk(4, -1)
        c = torch.sigmoid(kept) * c + torch.sigmoid(entry) * torch.tanh(new)
        h = torch.sigmoid(seen) * torch.tanh(c)
        found.append(h)
    outputs = torch.stack(found[::-1] if reverse else found)
    return outputs, h.reshape(hidden.shape), c.reshape(cell.shape), x.new_zeros(0, dtype=torch.uint8)


def _outputs(*arguments: Any) -> tuple[Tensor, ...]:
    return layer(*arguments)[:3]


def layer_backward(
    x: Tensor, w_input: Tensor, w_hidden: Tensor, b_input: Tensor, b_hidden: Tensor, hidden: Tensor, cell: Tensor,
    output: Tensor, last_hidden: Tensor, last_cell: Tensor, by_output: Tensor | None, by_hidden: Tensor | None,
    by_cell: Tensor | None, reverse: bool, mode: int, hidden_size: int, num_layers: int, has_biases: bool, train: bool,
    bidirectional: bool, batch_sizes: Sequence[int], batch_first: bool, workspace: Tensor,
) -> list[Tensor | None]:  # fmt: skip
    """mkldnn_rnn_layer_backward: the gradients by the seven tensors that the layer takes."""
    options = (
        reverse, batch_sizes, mode, hidden_size, num_layers, has_biases, bidirectional, batch_first, train,
    )  # fmt: skip
    operands = (x, w_input, w_hidden, b_input, b_hidden, hidden, cell)
    upstreams = [
        None if one is None else one.reshape(like.shape)
        for one, like in zip((by_output, by_hidden, by_cell), (output, hidden, cell), strict=True)
    ]
    return gradients(lambda *given: _outputs(*given, *options), operands, upstreams)
