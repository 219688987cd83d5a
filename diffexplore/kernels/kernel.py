"""``loss.compile()``: a loss and its derivatives over whole batches, by the backend that suits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diffexplore.errors import UsageError, unknown
from diffexplore.formula.summand import check_distinct, names_in_order
from diffexplore.inputs.points import make_points
from diffexplore.kernels.accumulator import Accumulator
from diffexplore.kernels.backends import BACKENDS
from diffexplore.kernels.backends.base import Backend
from diffexplore.kernels.backends.base import BoundKernel as Bound
from diffexplore.kernels.batches import columns_of
from diffexplore.kernels.block_sums import BlockSums
from diffexplore.kernels.plan import Plan
from diffexplore.kernels.records import Evaluation, Explanation
from diffexplore.kernels.statistics import Statistics
from diffexplore.loss import Loss

_AUTO, _SUMS = "auto", "statistics"


#: What "auto" chooses from, the first that can run.
_TRIED = (_SUMS, "blocked")


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

    def __init__(self, loss: Loss, wrt: str | Sequence[str] | None, hessian: bool, backend: str) -> None:
        names = loss.parameters if wrt is None else names_in_order(wrt, "wrt")
        check_distinct(names)
        for name in names:
            if name not in loss.symbols:
                raise unknown("symbol", name, loss.symbols)
        if backend != _AUTO and backend not in BACKENDS:
            raise unknown("backend", backend, (_AUTO, *BACKENDS))
        self._plan = Plan(loss, tuple(names), bool(hessian))
        self._named = backend
        self._chosen("cpu" if backend == _AUTO else None)

    @property
    def loss(self) -> Loss:
        """What is computed."""
        return self._plan.loss

    def bind(self, data: Any = None) -> BoundTo:
        """The kernel on one batch: ``data`` as for :func:`diffexplore.check`; None takes the data of the loss.

        Sums that are kept are taken here, and the data are not read again. Raises :class:`UsageError` for data that
        cannot be used, and for a backend that cannot run on their device.
        """
        columns = columns_of(self.loss, data)
        name, backend, _ = self._chosen(columns.device.type)
        if columns.files is not None and name != _SUMS:
            raise UsageError(
                f"the backend {name} takes data in memory, and the {columns.n:,} samples of {columns.files} are read "
                "block by block: fit and check do that, and the backend statistics, where a loss has some"
            )
        run = backend.bind(self._plan, columns)
        return BoundTo(self, name, run, columns.n, columns.device.type, columns.bytes)

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

        return BoundTo(
            self, _SUMS, SummedKernel(self._plan, accumulator, sums), sums.rows, "cpu", 8 * len(self.loss.data)
        )

    def __call__(self, at: Mapping[str, Any], data: Any = None) -> Evaluation:
        """The loss and its derivatives at the point ``at``, a number for each parameter, on ``data``."""
        return self.bind(data)(at)

    def explain(self, device: str = "cpu") -> Explanation:
        """Which backend is chosen for float64 data on a device ("cpu" or "cuda"), why, and what it does."""
        return self._explained(device, 8 * len(self.loss.data))

    def _explained(self, device: str, size: int) -> Explanation:
        name, backend, others = self._chosen(device)
        effort = backend.effort(self._plan)
        named = "it was named; " if self._named != _AUTO else ""
        return Explanation(
            name, named + effort.reason, others, effort.statistics, effort.operations, size, effort.per_call,
            effort.bound,
        )  # fmt: skip

    def _chosen(self, device: str | None) -> tuple[str, Backend, dict[str, str]]:
        others: dict[str, str] = {}
        for name in _TRIED if self._named == _AUTO else (self._named,):
            backend = BACKENDS[name].load()
            obstacle = backend.obstacle(self._plan, device or "cpu")
            if obstacle is None:
                return name, backend, others
            others[name] = obstacle
        able = [name for name in BACKENDS if BACKENDS[name].load().obstacle(self._plan, device or "cpu") is None]
        ((name, obstacle),) = others.items()
        raise UsageError(f"the backend {name} cannot run here: {obstacle}; {', '.join(able)} can")

    def __repr__(self) -> str:
        return f"BatchKernel({self.loss!r}, wrt={self._plan.wrt}, backend={self._named!r})"


class BoundTo:
    """A kernel on one batch: ``bound(at)``.

    Attributes:
        kernel: whose it is.
        backend: the name of the backend that computes.
        n: how many samples there are.
    """

    def __init__(self, kernel: BatchKernel, backend: str, run: Bound, n: int, device: str, size: int) -> None:
        self.kernel = kernel
        self.backend = backend
        self.n = n
        self._run = run
        self._device, self._bytes = device, size
        self._names = kernel.loss.parameters

    def __call__(self, at: Mapping[str, Any]) -> Evaluation:
        """The loss and its derivatives at the point ``at``, a number for each parameter."""
        return self._run(self._point(at))

    def _point(self, at: Mapping[str, Any]) -> list[float]:
        if type(at) is dict and len(at) == len(self._names):  # what a loop of many steps gives, at once
            found = [at.get(name) for name in self._names]
            if all(type(one) is float and one - one == 0 for one in found):
                return found  # type: ignore[return-value]  # doubles, as was seen
        return list(make_points(self.kernel.loss, at)[0].values())

    def explain(self) -> Explanation:
        """How it computes, with the bytes of these data."""
        return self.kernel._explained(self._device, self._bytes)

    def __repr__(self) -> str:
        return f"BoundTo({self.kernel!r}, backend={self.backend!r}, n={self.n})"
