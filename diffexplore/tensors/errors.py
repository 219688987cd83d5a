"""The error of a failed check, which is torch's own error as well: made when it is needed, as torch loads slowly."""

from __future__ import annotations

from torch.autograd.gradcheck import GradcheckError

from diffexplore.errors import GradientError


class TensorGradientError(GradientError, GradcheckError):
    """A gradient of tensors is wrong, or could not be decided: raised by :func:`diffexplore.gradcheck`.

    It is a :class:`diffexplore.GradientError`, an ``AssertionError`` and a ``torch.autograd.gradcheck.GradcheckError``.
    """
