"""``diffexplore prove``: the gradient that a torch program computes is the derivative, for every input."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.exit_codes import OF_STATUS
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes

if TYPE_CHECKING:
    from diffexplore.checking.listener import Listener
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
    with contextlib.redirect_stdout(sys.stderr):
        found = _proved(program, loss, o.names_list("--wrt", wrt), shapes, tuple(domain or ()), quiet=outputs.quiet)
    outputs.write(_shown(found, program, full=full))
    return OF_STATUS[found.status]


def _proved(
    place: str, loss: str | None, wrt: tuple[str, ...] | None, shapes: str | None, domain: tuple[str, ...], *,
    quiet: bool,
) -> Proof:  # fmt: skip
    from diffexplore.cli.progress import listening

    with listening(quiet=quiet, rows_to=None) as listener:
        return _heard(place, loss, wrt, shapes, domain, listener)


def _heard(
    place: str, loss: str | None, wrt: tuple[str, ...] | None, shapes: str | None, domain: tuple[str, ...],
    listener: Listener,
) -> Proof:  # fmt: skip
    from diffexplore.cli.loss_argument import loss_to_derive
    from diffexplore.cli.programs import load
    from diffexplore.inputs.functions import declared
    from diffexplore.proving.prove import prove

    function, arguments = load(place)
    if loss is not None:
        known = loss_to_derive(loss, wrt, shapes)
        if not shapes:
            return prove(function, known, wrt=wrt, domain=domain, listener=listener)
        parameters = [name for name in arguments if _has_entries(name, known.parameters)]
        data = [name for name in arguments if name not in parameters]
        given = declared(parameters, shapes, arguments), declared(data, shapes, arguments)
        return prove(function, known, parameters=given[0], data=given[1], wrt=wrt, domain=domain, listener=listener)
    if wrt is None and not shapes:
        return prove(function, domain=domain, listener=listener)
    if wrt is None:
        return prove(
            function, parameters=(), data=declared(arguments, shapes, arguments), domain=domain, listener=listener
        )
    for name in wrt:
        o.chosen("argument", name, arguments)
    data = [name for name in arguments if name not in wrt]
    return prove(
        function,
        parameters=declared(wrt, shapes, arguments),
        data=declared(data, shapes, arguments),
        domain=domain,
        listener=listener,
    )


def _has_entries(name: str, symbols: tuple[str, ...]) -> bool:
    """Whether an argument is one of the symbols, or has them for its entries."""
    return any(symbol.rstrip("0123456789_") == name for symbol in symbols) or name in symbols


def _shown(found: Proof, program: str, *, full: bool) -> Shown:
    from diffexplore.cli.code_places import code_place
    from diffexplore.pages.records import Subject
    from diffexplore.render.problems import problems_of_proof
    from diffexplore.render.proof_headline import headline
    from diffexplore.render.proofs import outline

    return Shown(
        Subject(found),
        f"Proof: {found.program}",
        found.to_dict,
        lambda: outline(found, full=full),
        lambda: headline(found),
        problems=lambda: problems_of_proof(found, code_place(program)),
    )
