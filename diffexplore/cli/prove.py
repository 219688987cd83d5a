"""``diffexplore prove``: the gradient that a torch program computes is the derivative, for every input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diffexplore.cli import options as o
from diffexplore.cli.exit_codes import OF_STATUS
from diffexplore.cli.given import Given, given
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.progress import listening
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes

if TYPE_CHECKING:
    from diffexplore.proving.records import Proof


@writes("prove")
def prove(
    program: o.Program,
    loss: o.LossOption = None,
    wrt: o.ByParameters = None,
    shapes: o.Shapes = None,
    domain: o.Domain = None,
    full: o.FullProof = False,
    *,
    outputs: Outputs,
) -> int:
    """Prove that the backward pass of a torch program is the derivative of its forward pass, or of a LOSS.

    THIS RUNS THE CODE IN FILE.py. Whatever it prints goes to standard error.

    Exits with 0 if that is proved, 1 if it is refuted, 3 if it could not be decided.
    """
    request = Given(**given(loss, wrt=wrt, shapes=shapes))
    with listening(quiet=outputs.quiet) as listener:
        found = _proved(program, request, domain=tuple(domain or ()), listener=listener)
    outputs.write(_shown(found, program, full=full))
    return OF_STATUS[found.status]


def _proved(place: str, request: Given, **options: Any) -> Proof:
    from diffexplore.cli.loss_argument import loss_to_derive
    from diffexplore.cli.programs import load
    from diffexplore.inputs.functions import declared
    from diffexplore.proving.prove import prove

    function, arguments = load(place)
    loss, wrt, shapes = request.loss, request.wrt, request.shapes
    if loss is not None:
        known = loss_to_derive(loss, wrt, shapes)
        if not shapes:
            return prove(function, known, wrt=wrt, **options)
        parameters = [name for name in arguments if _has_entries(name, known.parameters)]
        options |= {"wrt": wrt}
    elif wrt is None and not shapes:
        return prove(function, **options)
    else:
        known, parameters = None, [o.chosen("argument", name, arguments) for name in wrt or ()]
    data = [name for name in arguments if name not in parameters]
    given = declared(parameters, shapes, arguments), declared(data, shapes, arguments)
    return prove(function, known, parameters=given[0], data=given[1], **options)


def _has_entries(name: str, symbols: tuple[str, ...]) -> bool:
    """Whether an argument is one of the symbols, or has them for its entries."""
    return any(symbol.rstrip("0123456789_") == name for symbol in symbols) or name in symbols


def _shown(found: Proof, program: str, *, full: bool) -> Shown:
    from diffexplore.cli.code_places import code_place
    from diffexplore.pages.records import Subject
    from diffexplore.render.problems import problems_of_proof
    from diffexplore.render.proofs import outline

    return Shown(
        Subject(found),
        f"Proof: {found.program}",
        found.to_dict,
        lambda: outline(found, full=full),
        problems=lambda: problems_of_proof(found, code_place(program)),
    )
