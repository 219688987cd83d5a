"""What stands for a loss: a Loss, a name of the catalogue, a formula, a SymPy expression or a torch function.

Python and the command line read losses here. Of a formula and of a function it has to be known which symbols are
parameters: those that a point names, or, where there is no point, those that ``wrt`` names; all others are data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from diffexplore import losses
from diffexplore.arguments import as_words, wrong
from diffexplore.errors import UsageError, unknown
from diffexplore.inputs import functions
from diffexplore.inputs.names import Named, named_in
from diffexplore.inputs.wording import PYTHON, Wording
from diffexplore.suggestions import did_you_mean

if TYPE_CHECKING:
    from diffexplore.loss import Loss
    from diffexplore.tracing.declarations import Spec

KINDS = "a dx.Loss, a name of the catalogue, a formula, a SymPy expression or a torch function"

#: Characters of a word that is more likely a formula than a name.
_LONGEST_SYMBOLS = 2

#: A longer name is not printed again.
_LONGEST_SHOWN = 40

_FEW = "perpendicular, huber and more (diffexplore list)"

_NAME = re.compile(r"[^\W\d]\w*(:\w*)?")
_PROGRAM = re.compile(r".*\.py:[^\W\d]\w*", re.DOTALL)


def is_name(text: str) -> bool:
    """Whether a text can only mean a name: one word, perhaps with dimensions, as in ``hyperplane:5``.

    A single symbol would be a formula as well, but a mistyped name is what people mean. ``x²`` is no name: for a
    regular expression, a superscript is a letter.
    """
    return _NAME.fullmatch(text.strip()) is not None and text.strip().partition(":")[0].isidentifier()


def is_program(text: str) -> bool:
    """Whether a text means a function in a file."""
    return _PROGRAM.fullmatch(text.strip()) is not None


def is_formula(text: str) -> bool:
    """Whether a text can only be a formula."""
    return not is_name(text) and not is_program(text)


def loss_given(given: Any, at: Any = None, data: Any = None, wrt: Any = None) -> Loss:
    """The loss that an argument of a public function means, whose values are in ``at`` and ``data``.

    Raises :class:`UsageError` for what stands for no loss, for symbols without a value, and where nothing says which
    symbols are parameters.
    """
    known = known_loss(given)
    return known if known is not None else loss_with_values(given, named_in(at, data, wrt))


def known_loss(given: Any) -> Loss | None:
    """A Loss as it is, and that of a name of the catalogue; None for what else stands for a loss.

    Raises :class:`UsageError` for what does not, and for a name that is not in the catalogue.
    """
    if isinstance(given, str):
        if is_program(given):
            raise UsageError(f"{given.strip()!r} names a function in a file: import it, and give the function itself")
        return _of_catalogue(given.strip()) if is_name(given) or not given.strip() else None
    import sympy

    from diffexplore.loss import Loss

    if isinstance(given, Loss):
        return given
    if not isinstance(given, sympy.Expr) and not callable(given):
        raise wrong("the loss", KINDS, given)
    return None


def _of_catalogue(name: str) -> Loss:
    """The loss that is called so. Of another word, the error says how it would be a formula: of a symbol, or of two."""
    family = name.partition(":")[0]
    if family in losses.names() or name != family or not name or did_you_mean(name, losses.names()):
        return losses.get(name)
    product = f"the product is '{'*'.join(name)}', and " if len(name) == 2 and name.isalpha() else ""
    as_formula = f"as a formula {product}the symbol alone is '({name})'"
    if len(name) <= _LONGEST_SYMBOLS:
        raise UsageError(f"unknown loss {name!r}: {as_formula}; the names of losses are {_FEW}")
    more = f"; {as_formula}" if len(name) <= _LONGEST_SHOWN else ""
    raise UsageError(f"{unknown('loss', name, losses.names())}{more}")


def loss_with_values(
    given: Any, named: Named, *, wording: Wording = PYTHON, shapes: str | None = None, reduction: str | None = None
) -> Loss:
    """The loss that is to be evaluated. The names in the points are its parameters, and all others data.

    ``shapes`` are those of a function's arguments. Raises :class:`UsageError` as :func:`loss_given` does.
    """
    known = known_loss(given)
    if known is not None:
        return with_reduction(known, reduction)
    if functions.is_function(given):
        return with_reduction(
            _of_function(given, *functions.function_with_values(given, named, wording, shapes)), reduction
        )
    symbols = _symbols(given, (*named.points, *named.wrt, *(named.columns or ())))
    _check_known(named.points, symbols, given)
    data = [name for name in symbols if name not in named.points]
    functions.check_values(data, named, wording)
    if not named.points and not named.wrt:
        by = f"give a point, as in {wording.at(data[:1], '1')}, or {wording.by(data[:1])}"
        raise UsageError(f"no parameter to differentiate by: {by}")
    return _of_formula(given, [name for name in symbols if name in named.points], data, reduction)


def loss_of_symbols(
    given: Any, wrt: Sequence[str] | None, *, wording: Wording = PYTHON, shapes: str | None = None,
    reduction: str | None = None,
) -> Loss:  # fmt: skip
    """The loss that is derived, without values. Of a formula ``wrt``, or else every symbol, are the parameters.

    Raises :class:`UsageError` where those of a function are not known.
    """
    known = known_loss(given)
    if known is not None:
        return with_reduction(known, reduction)
    if functions.is_function(given):
        arguments = functions.arguments_of_function(given)
        if wrt is None:
            likely = wording.by(functions.likely_parameters(arguments))
            raise functions.which_are_parameters(given, arguments, f"name them, as in {likely}: the others are data")
        return with_reduction(_of_function(given, *functions.split_arguments(arguments, wrt, shapes)), reduction)
    symbols = _symbols(given, wrt or ())
    _check_known(wrt or (), symbols, given)
    parameters = [name for name in symbols if wrt is None or name in wrt]
    return _of_formula(given, parameters, [name for name in symbols if name not in parameters], reduction)


def loss_to_prove(given: Any, parameters: Spec | None, data: Spec | None, wrt: Any) -> Loss:
    """The loss that a program is held against: its symbols are entries of the declared arguments, or those of wrt.

    Raises :class:`UsageError` as :func:`loss_of_symbols` does.
    """
    from diffexplore.loss import Loss
    from diffexplore.tracing.declarations import declare

    known = known_loss(given)
    if known is not None:
        return known
    words = None if wrt is None else as_words(wrt, "wrt")
    if parameters is None and data is None:
        return loss_of_symbols(given, words)
    arrays, batches = declare(parameters or ()), declare(data or ())
    names, columns = ([s.name for array in found for s in array.symbols] for found in (arrays, batches))
    if functions.is_function(given):
        arguments = functions.arguments_of_function(given)
        others = [name for name in arguments if name not in {array.name for array in (*arrays, *batches)}]
        first = [array.text for array in arrays] + (others if parameters is None else [])
        second = [array.text for array in batches] + (others if parameters is not None else [])
        return Loss.from_torch(given, parameters=first, data=second, name=functions.called(given))
    symbols = _symbols(given, (*names, *columns))
    own = [name for name in symbols if name in names or (parameters is None and name not in columns)]
    return _of_formula(given, own, [name for name in symbols if name not in own], None)


def with_reduction(loss: Loss, reduction: str | None) -> Loss:
    """The loss with the reduction that the command line was given.

    Raises :class:`UsageError` for another one than that of a function, which reduces by itself.
    """
    if reduction is None or reduction == loss.reduction:
        return loss
    if loss.program is not None:
        raise UsageError(
            f"--reduction is for formulas: {loss.program.name} takes the {loss.reduction} of its samples itself"
        )
    return loss.reduced_by(reduction)


def _of_function(function: Any, parameters: Sequence[str], data: Sequence[str]) -> Loss:
    from diffexplore.loss import Loss
    from diffexplore.torch_code.calling import autograd_function

    return Loss.from_torch(
        autograd_function(function) or function, parameters=parameters, data=data, name=functions.called(function)
    )


def _symbols(formula: Any, declared: Collection[str]) -> tuple[str, ...]:
    """The symbols of a formula, as text or as an expression."""
    from diffexplore.formula.parse import names_in

    if isinstance(formula, str):
        symbols = names_in(formula.strip(), declared)
    else:
        symbols = tuple(sorted(map(str, formula.free_symbols)))
    if not symbols:
        raise UsageError(f"the formula {str(formula).strip()!r} has no symbol to differentiate by")
    return symbols


def _check_known(names: Collection[str], symbols: Sequence[str], formula: Any) -> None:
    for name in names:
        if name not in symbols:
            raise _unknown_symbol(name, names, symbols, formula)


def _unknown_symbol(name: str, names: Collection[str], symbols: Sequence[str], formula: Any) -> UsageError:
    """That a formula has no such symbol: it may be a factor of a name, as a is of ``ax``."""
    from diffexplore.formula.corrections import split_names

    if isinstance(formula, str):
        better = split_names(formula.strip(), names)
        joined = next((each for each in symbols if name in each and each != split_names(each, names)), None)
        if joined is not None:
            return UsageError(f"unknown symbol {name!r}, and {joined!r} is a name of its own: write it as {better}")
    return unknown("symbol", name, symbols)


def _of_formula(formula: Any, parameters: Sequence[str], data: Sequence[str], reduction: str | None) -> Loss:
    from diffexplore.formula.notation import reduction_of
    from diffexplore.loss import Loss

    stated, _ = reduction_of(formula)
    if stated is not None and reduction not in (None, stated):
        raise UsageError(f"the formula takes the {stated} of its samples: leave out --reduction {reduction}")
    given = formula.strip() if isinstance(formula, str) else formula
    return Loss(given, parameters=parameters, data=data, reduction=reduction or stated or "mean")
