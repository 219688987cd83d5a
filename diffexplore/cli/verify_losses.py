"""The loss of a verification: the one that is named, that of the candidate's own forward pass, or of a surrogate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.cli.verify import VerifyRequest
    from diffexplore.inputs.names import Named
    from diffexplore.loss import Loss


def loss_of(request: VerifyRequest) -> tuple[Loss, Any]:
    """The loss that is named, or that of the candidate's own forward pass; and the candidate, where it was loaded.

    With a surrogate it is the loss whose gradient the candidate's is meant to be. Raises UsageError where symbols have
    no values, and where nothing says which are parameters.
    """
    from diffexplore.inputs.names import Named

    data = request.data
    named = Named(request.names, request.wrt or (), data.names, data.is_given, data.origin)
    if request.surrogate is not None:
        return _meant(request, named)
    if request.loss is None:
        return _own(request, named)
    loaded = _loaded_for_questions(request, request.names)
    return request.to_check(request.wrt), loaded


def _own(request: VerifyRequest, named: Named) -> tuple[Loss, Any]:
    from diffexplore.cli.verify_questions import check_complete, check_own_parameters
    from diffexplore.inputs.functions import arguments_of_function
    from diffexplore.verifying.own import computes_loss, own_forward

    candidate = _load(request)
    if not computes_loss(candidate, request.kind):
        raise UsageError("name the loss whose gradient it should be: --loss LOSS")
    arguments = arguments_of_function(candidate)
    check_own_parameters(request, candidate, arguments, (*named.points, *named.wrt))
    check_complete(request, candidate, arguments, named.points)
    loss = own_forward(candidate, named, upstream=request.upstream, kind=request.kind, shapes=request.shapes)
    return loss, candidate


def _meant(request: VerifyRequest, named: Named) -> tuple[Loss, Any]:
    """The loss of a surrogate, and the candidate."""
    from diffexplore.cli.verify_questions import check_complete
    from diffexplore.inputs.functions import arguments_of_function
    from diffexplore.inputs.losses import is_program
    from diffexplore.inputs.surrogates import surrogate_loss
    from diffexplore.inputs.wording import COMMAND_LINE
    from diffexplore.verifying.own import computes_loss

    if request.loss is not None:
        raise UsageError("--loss says what is computed, --surrogate what its gradient is meant to be: give one")
    candidate = _load(request)
    if computes_loss(candidate, request.kind):
        check_complete(request, candidate, arguments_of_function(candidate), named.points)
    if is_program(str(request.surrogate)):
        return replace(request, loss=request.surrogate).to_check(request.wrt), candidate
    loss = surrogate_loss(request.surrogate, candidate, named, wording=COMMAND_LINE)
    return loss if request.reduction is None else loss.reduced_by(request.reduction), candidate


def _loaded_for_questions(request: VerifyRequest, points: tuple[str, ...]) -> Any:
    """The candidate, where a formula leaves questions open: then all are put at once, that of its output as well."""
    from diffexplore.cli.verify_questions import check_complete
    from diffexplore.inputs.losses import is_formula

    complete = (points or request.wrt) and request.data.is_given  # the rest is requested by what reads it
    if complete or request.data.file is not None:  # of the columns of a file, it is stated which are missing
        return None
    if not is_formula(str(request.loss)) or str(request.candidate).endswith(".json"):
        return None
    from diffexplore.formula.parse import names_in

    symbols = names_in(str(request.loss).strip(), (*points, *(request.wrt or ())))
    candidate = _load(request)
    check_complete(request, candidate, symbols, points)
    return candidate


def _load(request: VerifyRequest) -> Any:
    from diffexplore.verifying.loading import load_candidate

    return load_candidate(str(request.candidate))
