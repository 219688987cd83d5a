"""All hand-written backward passes, family by family."""

from __future__ import annotations

from handwritten import (
    activations,
    attention,
    losses,
    matrices,
    norms,
    numpy_layers,
    projections,
    quantisers,
    recursions,
)
from handwritten.pieces import Piece

PIECES: tuple[Piece, ...] = (
    *activations.PIECES,
    *norms.PIECES,
    *projections.PIECES,
    *losses.PIECES,
    *attention.PIECES,
    *quantisers.PIECES,
    *matrices.PIECES,
    *numpy_layers.PIECES,
    *recursions.PIECES,
)
