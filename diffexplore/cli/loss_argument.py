"""LOSS on the command line: a name of the catalogue, or a formula."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diffexplore import losses
from diffexplore.cli.programs import entries_of, is_program, loss_of_program, which_parameters
from diffexplore.errors import UsageError, unknown
from diffexplore.suggestions import did_you_mean

if TYPE_CHECKING:
    from diffexplore.loss import Loss

_FILE = re.compile(r"[^\s(*]*\.(csv|tsv|txt|npz|npy|xlsx?|parquet|json|py)", re.IGNORECASE)

_NAME = re.compile(r"[^\W\d]\w*(:\w*)?")


def is_name(text: str) -> bool:
    """Whether LOSS can only mean a name: one word, perhaps with dimensions, as in ``hyperplane:5``.

    A single symbol would be a formula as well, but a mistyped name is what people mean. ``x²`` is no name: for a
    regular expression, a superscript is a letter.
    """
    return _NAME.fullmatch(text.strip()) is not None and text.strip().partition(":")[0].isidentifier()


def loss_to_check(
    text: str, points: Sequence[Iterable[str]], *, has_data: bool, wrt: Sequence[str] | None, reduction: str | None,
    shapes: str | None = None, file: Path | None = None,
) -> Loss:  # fmt: skip
    """The loss that ``report`` checks. Of a formula, the names in ``points`` are parameters and the others data.

    So they are of a torch function in a file, which is executed; ``shapes`` are those of its arguments. ``file`` holds
    the data, where they come from a file: like the names in ``points`` and ``wrt``, its columns are symbols wherever
    they are not called.
    Raises UsageError for an unknown name, a formula that cannot be read, and symbols without values.
    """
    from diffexplore.check.table import column_names

    if is_program(text):
        named = list(dict.fromkeys(name for point in points for name in point))
        if not named:
            raise UsageError("give a point, as in --at a=1: the arguments that it names are the parameters")
        columns = column_names(file)

        def known(data: Sequence[str]) -> None:
            if file is not None:
                _all_columns(data, file, columns, named)

        return _with_reduction(loss_of_program(text, named, shapes, known), reduction)
    _refuse_file(text)
    if is_name(text):
        return _with_reduction(losses.get(text.strip()), reduction)
    given = list(dict.fromkeys(name for point in points for name in point))
    columns = column_names(file)
    symbols = _symbols(text, (*given, *(wrt or ()), *columns))
    _all_known(given, symbols)
    data = [name for name in symbols if name not in given]
    if file is not None:
        _all_columns(data, file, columns, given)
    if data and not has_data:
        raise UsageError(
            f"no value for {', '.join(data)}: name parameters in --at {data[0]}=…, "
            "and give data with --data FILE or --points N"
        )
    if not given and not wrt:
        raise UsageError(f"no parameter to differentiate by: give a point, as in --at {data[0]}=1, or --wrt {data[0]}")
    return _formula(text, [name for name in symbols if name in given], data, reduction)


def loss_to_derive(
    text: str, wrt: Sequence[str] | None, shapes: str | None = None, reduction: str | None = None
) -> Loss:
    """The loss that ``derive`` works on. Of a formula ``wrt``, or else every symbol, are the parameters.

    Raises UsageError where those of a function are not said.
    """
    if is_program(text):
        if wrt is None:
            raise which_parameters(text, "derive", shapes)
        return _with_reduction(loss_of_program(text, wrt, shapes), reduction)
    _refuse_file(text)
    if is_name(text):
        return _with_reduction(losses.get(text.strip()), reduction)
    symbols = _symbols(text, wrt or ())
    _all_known(wrt or (), symbols)
    parameters = [name for name in symbols if wrt is None or name in wrt]
    return _formula(text, parameters, [name for name in symbols if name not in parameters], reduction)


def partials_of(loss: Loss, wrt: Sequence[str] | None) -> tuple[str, ...]:
    """The names to differentiate by: those asked for, else the parameters, else (where there are none) the data.

    An argument of a function that is a vector or a matrix stands for its entries.
    """
    arrays = (*loss.program.parameters, *loss.program.data) if loss.program is not None else ()
    return entries_of(wrt or (), arrays) or loss.parameters or loss.data


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


def _symbols(text: str, declared: Collection[str]) -> tuple[str, ...]:
    from diffexplore.symbolic.parse import names_in

    symbols = names_in(text.strip(), declared)
    if not symbols:
        raise UsageError(f"the formula {text.strip()!r} has no symbol to differentiate by")
    return symbols


def _all_known(names: Iterable[str], symbols: Sequence[str]) -> None:
    for name in names:
        if name not in symbols:
            raise unknown("symbol", name, symbols)


def _all_columns(data: Sequence[str], file: Path, columns: Sequence[str], given: Sequence[str]) -> None:
    """Raises UsageError where symbols without a value are not columns of the data: most likely they are parameters."""
    missing = [name for name in data if name not in columns]
    if not missing:
        return
    verb = "is not a column" if len(missing) == 1 else "are not columns"
    near = did_you_mean(missing[0], [name for name in columns if name not in data]) if len(missing) == 1 else ""
    whole = ",".join([*(["…"] if given else []), *(f"{name}=…" for name in missing)])
    hint = near or f"give --at {whole} (the columns are {', '.join(columns)})"
    raise UsageError(f"{', '.join(missing)} {verb} of {file}: {hint}")


def _formula(text: str, parameters: Sequence[str], data: Sequence[str], reduction: str | None) -> Loss:
    from diffexplore.loss import Loss
    from diffexplore.symbolic.notation import reduction_of

    said, _ = reduction_of(text)
    if said is not None and reduction not in (None, said):
        raise UsageError(f"the formula takes the {said} of its samples: leave out --reduction {reduction}")
    return Loss(text.strip(), parameters=parameters, data=data, reduction=reduction or said or "mean")


def _with_reduction(loss: Loss, reduction: str | None) -> Loss:
    if reduction is None or reduction == loss.reduction:
        return loss
    if loss.program is not None:
        raise UsageError(
            f"--reduction is for formulas: {loss.program.name} takes the {loss.reduction} of its samples itself"
        )
    from diffexplore.loss import Loss

    return Loss(
        loss.formula,
        parameters=loss.parameters,
        data=loss.data,
        reduction=reduction,
        name=loss.name,
        domain=loss.domain_text,
        source=loss.source,
        default_data=loss.default_data,
        default_points=loss.default_points,
    )
