"""LOSS on the command line: a name of the catalogue, a formula, or a torch function in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from diffexplore.cli.programs import load, which_parameters
from diffexplore.errors import UsageError
from diffexplore.inputs.functions import entries_of
from diffexplore.inputs.losses import is_program, loss_of_symbols, loss_with_values
from diffexplore.inputs.names import Named
from diffexplore.inputs.wording import COMMAND_LINE

if TYPE_CHECKING:
    from diffexplore.loss import Loss


_FILE = re.compile(r"[^\s(*]*\.(csv|tsv|txt|npz|npy|xlsx?|parquet|json|py)", re.IGNORECASE)


def loss_to_check(
    text: str, points: Sequence[Iterable[str]], *, has_data: bool, wrt: Sequence[str] | None, reduction: str | None,
    shapes: str | None = None, columns: tuple[str, ...] | None = None, origin: str = "data",
) -> Loss:  # fmt: skip
    """The loss that ``report`` checks. Of a formula, the names in ``points`` are parameters and the others data.

    So they are of a torch function in a file, which is executed; ``shapes`` are those of its arguments. ``columns`` are
    those of the data where they come from a file, ``origin``: like the names in ``points`` and ``wrt``, they are
    symbols wherever they are not called.
    Raises UsageError for an unknown name, a formula that cannot be read, and symbols without values.
    """
    named = Named(_names(points), tuple(wrt or ()), columns, has_data, origin)
    return loss_with_values(_given(text), named, wording=COMMAND_LINE, shapes=shapes, reduction=reduction)


def loss_to_derive(
    text: str, wrt: Sequence[str] | None, shapes: str | None = None, reduction: str | None = None
) -> Loss:
    """The loss that ``derive`` works on. Of a formula ``wrt``, or else every symbol, are the parameters.

    Raises UsageError where those of a function are not stated.
    """
    if is_program(text) and wrt is None:
        raise which_parameters(text, "derive", shapes)
    return loss_of_symbols(_given(text), wrt, wording=COMMAND_LINE, shapes=shapes, reduction=reduction)


def partials_of(loss: Loss, wrt: Sequence[str] | None) -> tuple[str, ...]:
    """The names to differentiate by: those requested, else the parameters, else (where there are none) the data.

    An argument of a function that is a vector or a matrix stands for its entries.
    """
    arrays = (*loss.program.parameters, *loss.program.data) if loss.program is not None else ()
    return entries_of(wrt or (), arrays) or loss.parameters or loss.data


def _names(points: Sequence[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for point in points for name in point))


def _given(text: str) -> Any:
    """The text itself, or the function that it names."""
    if is_program(text):
        return load(text)[0]
    _refuse_file(text)
    return text.strip()


def _refuse_file(text: str) -> None:
    """Raises UsageError where a file stands in the place of the loss, and says where it belongs."""
    found = _FILE.fullmatch(text.strip())
    if found is None:
        return
    name, suffix = found[0], found[1].lower()
    if suffix == "py":
        raise UsageError(f"{name!r} is a file: name the function in it, as in {name}:loss")
    if suffix == "json":
        raise UsageError(f"{name!r} is a file, not a loss: give a name, a formula in quotes, or FILE.py:NAME")
    raise UsageError(f"{name!r} is a file of data, not a loss: give the loss first, then --data {name}")
