"""``diffexplore prove``: the gradient that a torch program computes is the derivative, for every input."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from diffexplore.cli import options as o
from diffexplore.cli.exit_codes import OF_STATUS
from diffexplore.cli.output import STDOUT, check_places, console_on, deliver_json

if TYPE_CHECKING:
    from diffexplore.check.listener import Listener
    from diffexplore.proving.records import Proof


def prove(
    program: o.Program,
    loss: o.LossOption = None,
    wrt: o.ByParameters = None,
    shapes: o.Shapes = None,
    domain: o.Domain = None,
    json: o.Json = None,
    full: o.FullProof = False,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
    ascii: o.Ascii = False,
    debug: o.Debug = False,
) -> int:
    """Prove that the backward pass of a torch program is the derivative of its forward pass, or of a LOSS.

    THIS RUNS THE CODE IN FILE.py. Whatever it prints goes to standard error.

    Exits with 0 if that is proved, 1 if it is refuted, 3 if it could not be decided.
    """
    check_places(json=json)
    with contextlib.redirect_stdout(sys.stderr):
        found = _proved(program, loss, o.names_list("--wrt", wrt), shapes, tuple(domain or ()), quiet=quiet)
    if json is not None:
        deliver_json(found, json)
    if json != STDOUT:
        _print(found, quiet=quiet, full=full, no_color=no_color, ascii=ascii)
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
    from diffexplore.cli.programs import declared, load
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


def _print(found: Proof, *, quiet: bool, full: bool, no_color: bool, ascii: bool) -> None:
    from diffexplore.report.proof_headline import headline
    from diffexplore.report.proofs import outline
    from diffexplore.report.terminal import Drawing

    blocks = (headline(found),) if quiet else tuple(outline(found, full=full))
    console_on(sys.stdout, no_color=no_color).print(Drawing(blocks, ascii or None))
