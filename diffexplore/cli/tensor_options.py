"""Options of checks of functions of tensors."""

from __future__ import annotations

from typing import Annotated

from diffexplore.cli.options import panel

_option = panel("Functions of tensors")

Inputs = Annotated[
    str | None,
    _option(
        "--inputs",
        "x[8,16],w[16]|FILE",
        "Check the gradients of a function of tensors, without a loss: the shapes of its arguments, for seeded normal "
        "numbers, or a FILE.pt or FILE.npz that holds them.",
    ),
]
Reference = Annotated[
    str | None,
    _option("--reference", "FILE.py:NAME", "With --inputs: a plain torch version of the forward, for the truth."),
]
Surrogate = Annotated[
    str | None,
    _option(
        "--surrogate",
        "identity|sigmoid4|FORMULA|FILE.py:NAME",
        "The function whose derivative the gradient of a step is meant to be; it takes the place of a --loss.",
    ),
]
Masked = Annotated[
    bool,
    _option("--masked", "", "With --inputs or FILE.py: only specified elements of sparse arguments are variables."),
]
