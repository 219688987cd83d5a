"""What the options of a command say of a loss and of how it is evaluated: one record for every command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from diffexplore.cli import options as o
from diffexplore.cli.data_argument import NO_DATA, DataGiven, data_given

if TYPE_CHECKING:
    from diffexplore.checking.batch import Batch
    from diffexplore.loss import Loss


@dataclass(frozen=True)
class Given:
    """The options that commands share; those of one command alone are fields of a subclass.

    Attributes:
        loss: LOSS; None where the candidate's own forward pass is meant.
        at: each ``--at``, as it was typed.
        data: what says which samples.
        wrt: the names to differentiate by; None where none are given.
        shapes: those of the arguments of a torch function.
        reduction: "mean" or "sum"; None for that of the loss.
        dtype, device, seed: as in :func:`diffexplore.check`.
    """

    loss: str | None
    at: tuple[str, ...] = ()
    data: DataGiven = NO_DATA
    wrt: tuple[str, ...] | None = None
    shapes: str | None = None
    reduction: str | None = None
    dtype: str = "float64"
    device: str = "auto"
    seed: int = 0

    @cached_property
    def points(self) -> list[dict[str, float]]:
        """The points of ``--at``."""
        from diffexplore.inputs.points import parse_at

        return [parse_at(text) for text in self.at]

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the points."""
        return tuple(dict.fromkeys(name for point in self.points for name in point))

    def to_check(self, wrt: Sequence[str] | None = None) -> Loss:
        """The loss that is evaluated, see :func:`diffexplore.cli.loss_argument.loss_to_check`."""
        from diffexplore.cli.loss_argument import loss_to_check

        return loss_to_check(
            str(self.loss), self.points, has_data=self.data.is_given, wrt=wrt,
            reduction=self.reduction, shapes=self.shapes, columns=self.data.names, origin=self.data.origin,
        )  # fmt: skip

    def points_of(self, loss: Loss) -> tuple[dict[str, float], ...]:
        """The points at which a loss is evaluated: those of ``--at``, or its own."""
        from diffexplore.inputs.points import make_points

        return make_points(loss, self.points or None)

    def batch(self, loss: Loss, points: Sequence[dict[str, float]]) -> Batch:
        """The samples on which a loss is evaluated."""
        return self.data.batch(loss, seed=self.seed, points=points)


def given(
    loss: str | None, at: Iterable[str] | None = None, data: Any = None, columns: str | None = None,
    samples: str | None = None, wrt: str | None = None, shapes: str | None = None, reduction: str | None = None,
    dtype: str = "float64", device: str = "auto", seed: str = "0",
) -> dict[str, Any]:  # fmt: skip
    """The fields of :class:`Given` from options as they were typed; raises UsageError for what cannot be read."""
    return {
        "loss": loss, "at": tuple(at or ()), "data": data_given(data, samples, columns),
        "wrt": o.names_list("--wrt", wrt), "shapes": shapes,
        "reduction": reduction and o.chosen("reduction", reduction, o.REDUCTIONS),
        "dtype": o.chosen("dtype", dtype, o.DTYPES), "device": o.chosen("device", device, o.DEVICES),
        "seed": o.whole_number("--seed", seed) or 0,
    }  # fmt: skip


def typed(*options: tuple[str, Any]) -> list[str]:
    """Options as words to type again: without those whose value is None, and a tuple of values one by one."""
    pairs = ((name, one) for name, value in options for one in (value if isinstance(value, tuple) else (value,)))
    return [word for name, value in pairs if value is not None for word in (name, str(value))]
