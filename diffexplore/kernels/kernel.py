"""``loss.compile()``: a loss and its derivatives over whole batches, by the backend that suits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diffexplore.ambient_modes import undisturbed
from diffexplore.errors import UsageError, unknown
from diffexplore.formula.summand import symbols_named
from diffexplore.inputs.points import make_points
from diffexplore.kernels.accumulator import Accumulator
from diffexplore.kernels.backends import BACKENDS
from diffexplore.kernels.backends.base import BoundKernel as Bound
from diffexplore.kernels.batches import Columns, columns_of
from diffexplore.kernels.block_sums import BlockSums
from diffexplore.kernels.plan import Plan
from diffexplore.kernels.records import Evaluation, Explanation
from diffexplore.kernels.statistics import Statistics
from diffexplore.loss import Loss

_AUTO, _SUMS, _COMPILED = "auto", "statistics", "inductor"


#: What "auto" chooses from, the first that can run.
_TRIED = (_SUMS, _COMPILED, "blocked")


class BatchKernel:
    """A loss and its derivatives over batches: ``kernel(at, data)``, or ``kernel.bind(data)(at)`` for many points.

    Made by ``loss.compile(wrt=None, hessian=False, backend="auto")``.

    Args:
        loss: what is computed, by its formula.
        wrt: names of parameters or data; None for all parameters.
        hessian: whether the second partials are computed as well.
        backend: "statistics" (sums that are taken once), "blocked" (closed forms over blocks in the cache),
            "inductor" (closed forms by torch.compile), "eager" (torch's autograd, for reference), or "auto".

    Raises:
        UsageError: for a name that is neither, and for a backend that cannot compute this loss here.
    """

    @undisturbed
    def __init__(self, loss: Loss, wrt: str | Sequence[str] | None, hessian: bool, backend: str) -> None:
        names = symbols_named(wrt, loss.parameters, loss.symbols)
        if backend != _AUTO and backend not in BACKENDS:
            raise unknown("backend", backend, (_AUTO, *BACKENDS))
        self._plan = Plan(loss, names, bool(hessian))
        self._named = backend
        if backend != _AUTO and self._obstacle(backend, "cuda", None):  # else a GPU may run it, if no CPU does
            self._chosen("cpu")

    @property
    def loss(self) -> Loss:
        """What is computed."""
        return self._plan.loss

    @undisturbed
    def bind(self, data: Any = None) -> BoundTo:
        """The kernel on one batch: ``data`` as for :func:`diffexplore.check`; None takes the data of the loss.

        Sums that are kept are taken here, and the data are not read again. Raises :class:`UsageError` for data that
        cannot be used, and for a backend that cannot run on their device.
        """
        columns = columns_of(self.loss, data)
        name, others = self._chosen(columns.device.type, columns)
        if columns.files is not None and name != _SUMS:
            raise UsageError(
                f"the backend {name} takes data in memory, and the {columns.n:,} samples of {columns.files} are read "
                "block by block: fit and check do that, and the backend statistics, where a loss has some"
            )
        if columns.files is None:  # a condition takes what is no number for some number, and says nothing
            columns.check_finite(besides=self._plan.summed if name == _SUMS else ())
        run = BACKENDS[name].load().bind(self._plan, columns)
        return BoundTo(run, self.loss, columns.n, lambda: self._explained(name, others, columns.bytes))

    @property
    def statistics(self) -> Statistics:
        """What is added up over the data; raises :class:`UsageError` where the kernel cannot go by sums."""
        obstacle = BACKENDS[_SUMS].load().obstacle(self._plan, "cpu")
        if obstacle is not None or self._plan.statistics is None:
            raise UsageError(f"the loss does not go by sums over the data: {obstacle}")
        return self._plan.statistics

    def bind_sums(self, accumulator: Accumulator, sums: BlockSums) -> BoundTo:
        """The kernel on data that were added up elsewhere: in files, or by other processes.

        Args:
            accumulator: ``kernel.statistics.about(centre)``, which took the sums.
            sums: those of all blocks, in the order of the rows (:func:`~diffexplore.kernels.block_sums.combine`).
        """
        from diffexplore.kernels.backends.statistics import SummedKernel

        run = SummedKernel(self._plan, accumulator, sums)
        return BoundTo(run, self.loss, sums.rows, lambda: self._explained(_SUMS, {}, 8 * len(self.loss.data)))

    @undisturbed
    def __call__(self, at: Mapping[str, Any], data: Any = None) -> Evaluation:
        """The loss and its derivatives at the point ``at``, a number for each parameter, on ``data``."""
        return self.bind(data)(at)

    def explain(self, device: str = "cpu") -> Explanation:
        """Which backend is chosen for some float64 data on a device ("cpu" or "cuda"), why, and what it does."""
        name, others = self._chosen(device)
        return self._explained(name, others, 8 * len(self.loss.data))

    def _explained(self, name: str, others: Mapping[str, str], size: int) -> Explanation:
        effort = BACKENDS[name].load().effort(self._plan)
        named = "it was named; " if self._named != _AUTO else ""
        return Explanation(
            name, named + effort.reason, others, effort.statistics, effort.operations, size, effort.per_call,
            effort.bound,
        )  # fmt: skip

    def _chosen(self, device: str, columns: Columns | None = None) -> tuple[str, dict[str, str]]:
        """The backend, and why not those that were tried before it."""
        others: dict[str, str] = {}
        for name in _TRIED if self._named == _AUTO else (self._named,):
            obstacle = self._obstacle(name, device, columns)
            if obstacle is None:
                return name, others
            others[name] = obstacle
        able = [name for name in BACKENDS if BACKENDS[name].load().obstacle(self._plan, device) is None]
        raise UsageError(f"the backend {name} cannot run here: {obstacle}; {', '.join(able)} can")

    def _obstacle(self, name: str, device: str, columns: Columns | None) -> str | None:
        """Why a backend is not taken: it cannot run, or "auto" does not compile for so little."""
        obstacle = BACKENDS[name].load().obstacle(self._plan, device)
        if obstacle is not None or name != _COMPILED or self._named != _AUTO:
            return obstacle
        from diffexplore.kernels.repaid import unrepaid

        return "it is for many samples" if columns is None else unrepaid(self._plan, columns)

    def __repr__(self) -> str:
        return f"BatchKernel({self.loss!r}, wrt={self._plan.wrt}, backend={self._named!r})"


class BoundTo:
    """A kernel on one batch: ``bound(at)``.

    Attributes:
        loss: what is computed.
        n: how many samples there are.
    """

    def __init__(self, run: Bound, loss: Loss, n: int, explained: Callable[[], Explanation]) -> None:
        self.loss = loss
        self.n = n
        self._run = run
        self._explained = explained

    @undisturbed
    def __call__(self, at: Mapping[str, Any]) -> Evaluation:
        """The loss and its derivatives at the point ``at``, a number for each parameter."""
        return self._run(self._point(at))

    def _point(self, at: Mapping[str, Any]) -> list[float]:
        names = self.loss.parameters
        if type(at) is dict and len(at) == len(names):  # what a loop of many steps gives, at once
            found = [at.get(name) for name in names]
            if all(type(one) is float and one - one == 0 for one in found):
                return found  # type: ignore[return-value]  # doubles, as was seen
        point, *others = make_points(self.loss, at)
        if others:
            raise UsageError(f"a kernel takes one point at a time, and {1 + len(others)} are given")
        return list(point.values())

    def explain(self) -> Explanation:
        """How it computes, with the bytes of these data."""
        return self._explained()

    def __repr__(self) -> str:
        return f"BoundTo({self.loss!r}, n={self.n})"
