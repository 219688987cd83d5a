"""The backward differentiated again: second derivatives against certified ones."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.errors import CandidateError, UsageError
from diffexplore.tensors.battery.records import CallFinding, CallSetting, CallTrial, TrialUnavailable, reason_of

_MEND = "save inputs and outputs only, and compute the rest again, or mark it with @once_differentiable"


def double_backward(setting: CallSetting) -> Iterator[CallFinding]:
    """What :func:`diffexplore.gradgradcheck` compares; nothing where the forward cannot be read."""
    from diffexplore.tensors.gradgradcheck import differentiated_again
    from diffexplore.tensors.run import checked

    try:
        subject = differentiated_again(setting.subject)
    except CandidateError as refused:
        raise TrialUnavailable(reason_of(refused)) from None
    if setting.candidate.function.compiled:
        raise TrialUnavailable("compiled functions are not differentiated again")
    try:
        report = checked(subject)
    except UsageError as error:
        raise TrialUnavailable(str(error)) from None
    for row in report.failed:
        if row.cause is None or report.truth == "estimated":
            continue
        by = f"by {row.input}" if row.entries.total else "again"
        mend = "" if row.cause.message.endswith("in the backward") else f": {_MEND}"
        yield CallFinding(
            "double_backward",
            f"the {row.output}, differentiated {by}, is wrong: {row.cause.message}{mend}",
            {"key": row.cause.key},
        )
        return


TRIALS = (CallTrial("double_backward", "the backward differentiated again", "full", double_backward),)
