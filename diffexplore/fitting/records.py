"""What a fit says: plain values, frozen, that every output is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from diffexplore.documents import Displayed, Plain, plain
from diffexplore.fitting.terrain import Centred, Curvature, PathCurvature, PathStep, Point, StationaryPoint, Terrain
from diffexplore.formula.descriptions import LossSummary, PartialFormula

if TYPE_CHECKING:
    from diffexplore.checking.batch import Batch
    from diffexplore.exploring.records import Explorer
    from diffexplore.figures.records import Figure
    from diffexplore.loss import Loss


@dataclass(frozen=True)
class Rises(Plain):
    """The steps after which the computed loss was larger than before.

    ``first`` is the number of steps before the first of them. Of the first ``checked`` the exact loss was compared:
    it certainly falls at ``falls`` of them, so that these rises are rounding, and certainly rises at ``climbs``.
    """

    count: int
    first: int | None
    checked: int
    falls: int
    climbs: int


@dataclass(frozen=True)
class Run(Plain):
    """One descent: a method in a dtype.

    ``ended`` says why it took fewer steps than it might, or is None. ``mean_change`` is the mean |change| of the loss
    over its last ``changes`` steps, ``ulp`` the unit in the last place of the dtype at the last loss. ``path`` has
    every step, or every 2nd, 4th, … of a long run.
    """

    method: str
    dtype: str
    steps: int
    ended: str | None
    first: PathStep
    best: PathStep | None
    last: PathStep
    rises: Rises
    mean_change: float | None
    changes: int
    ulp: float | None
    path: tuple[PathStep, ...]

    @property
    def finite(self) -> bool:
        """Whether the last loss is a number."""
        return self.last.loss is not None

    def to_dict(self) -> dict[str, Any]:
        steps = [place.step for place in self.path]
        points = {name: [place.point[name] for place in self.path] for name in self.first.point}
        path = {"step": steps, "loss": [place.loss for place in self.path], "point": points}
        return super().to_dict() | {"path": plain(path)}


@dataclass(frozen=True)
class Drift(Plain):
    """How far two runs in one dtype came apart, at the end and at most, and a proved bound at the end.

    ``bound`` is None where none was derived, with the ``reason``. ``gradient_error`` is the largest certified error of
    a computed partial on either path.
    """

    dtype: str
    methods: tuple[str, str]
    last: Point
    largest: Point
    bound: Point | None
    reason: str | None
    gradient_error: float | None


@dataclass(frozen=True)
class PlainNewton(Plain):
    """Where Newton's iteration without a safeguard goes from the start: the stationary point, and after how many steps
    it is there to double precision.
    """

    steps: int
    end: StationaryPoint


@dataclass(frozen=True)
class Finding(Plain):
    """One sentence, and the numbers that it rests on."""

    key: str
    sentence: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FittedLoss:
    """What was fitted: the loss itself, and its data."""

    loss: Loss
    batch: Batch


@dataclass(frozen=True, repr=False)
class Fit(Displayed):
    """The descents of a loss, and why they went as they did. Prints itself with rich.

    Attributes:
        loss: what was fitted.
        gradient: the simplified partial by each parameter.
        n, origin: how many samples there are, and where the data come from.
        optimizer, lr, steps: its name, the learning rate (None where it chose its own steps), and how many steps it
            was allowed.
        runs: one for each dtype and method; the first one is meant where one is spoken of.
        drifts: how far runs of one dtype came apart, for each two methods of one.
        terrain, start, optimum_curvature, path_curvature, centred, plain_newton: of the data as ``dtype`` holds them,
            the widest of the runs.
        excess: the exact loss at the end of the first run, minus that of the optimum.
        remaining: for each parameter the distance from the optimum at the end of the first run, divided by that at
            the start.
        explanation: sentences, the first of which says how it ended.
        fitted: the loss and the data, for pictures; not part of the document.
    """

    _KEYS: ClassVar = {"origin": "data"}
    _LEFT_OUT = ("fitted",)
    _WIDTH = 100
    _FIRST = ("loss", "gradient", "n", "data", "optimizer", "lr", "steps", "dtype", "explanation")

    loss: LossSummary
    gradient: Mapping[str, PartialFormula]
    n: int
    origin: str
    optimizer: str
    lr: float | None
    steps: int
    dtype: str
    runs: tuple[Run, ...]
    drifts: tuple[Drift, ...]
    terrain: Terrain
    start: Curvature | None
    optimum_curvature: Curvature | None
    path_curvature: PathCurvature | None
    centred: Centred | None
    plain_newton: PlainNewton | None
    excess: float | None
    remaining: Mapping[str, float | None]
    explanation: tuple[Finding, ...] = ()
    fitted: FittedLoss | None = field(default=None, repr=False, compare=False)

    @property
    def run(self) -> Run:
        """The first run."""
        return self.runs[0]

    @property
    def path(self) -> tuple[PathStep, ...]:
        """The path of the first run, thinned where it is long."""
        return self.run.path

    @property
    def best(self) -> PathStep | None:
        """The point with the smallest computed loss on the first run; None where no loss was finite."""
        return self.run.best

    @property
    def optimum(self) -> StationaryPoint | None:
        """The certified minimum; None where there is none, or none was found."""
        return self.terrain.optimum

    def figure(self) -> Figure:
        """The loss curve as data."""
        from diffexplore.fitting.curve import loss_curve

        return loss_curve(self)

    def plot(self) -> Any:
        """The loss curve as a matplotlib figure; raises UsageError with what to install where matplotlib is missing."""
        from diffexplore.figures.matplotlib import draw

        return draw(self.figure())

    def explore(self, axes: Sequence[str] | str | None = None) -> Explorer:
        """The surface of the loss with this descent on it, over ``axes``, two parameters (by default the first)."""
        from diffexplore.exploring.explorer import explorer_of

        return explorer_of(self, axes)

    def to_dataframe(self) -> Any:
        """The paths of all runs as a ``pandas.DataFrame``, a line for each step; raises UsageError without pandas."""
        from diffexplore.render.dataframes import of_fit

        return of_fit(self)
