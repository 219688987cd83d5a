"""The V-curves as figures: all methods beside each other, and each method with its prediction and its bound."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from diffexplore.figures.records import Axis, Figure, Layer, Role, Rule, Series
from diffexplore.methods import spoken
from diffexplore.numerals import plain_exponent, short
from diffexplore.scanning.setting import Setting
from diffexplore.scanning.step_curve import Numbers, StepCurve
from diffexplore.writing.names import reduced_partial


def step_figures(setting: Setting, curves: Sequence[StepCurve]) -> tuple[Figure, ...]:
    """For each partial the measured errors of all methods; then for the first partial a figure for each method."""
    first = [curve for curve in curves if curve.parameter == curves[0].parameter]
    return (*step_overviews(setting, curves), *(step_figure(setting, curve) for curve in first))


def step_overviews(setting: Setting, curves: Sequence[StepCurve]) -> tuple[Figure, ...]:
    """For each partial the measured errors of all methods; none of one that a single method computes."""
    by_partial = [list(group) for _, group in groupby(curves, key=lambda curve: curve.parameter)]
    return tuple(_overview(setting, group) for group in by_partial if len(group) > 1)


def step_figure(setting: Setting, curve: StepCurve) -> Figure:
    """The errors of one method: measured, predicted, and what is proved of them, with the step that it takes."""
    shown = reduced_partial(curve.parameter)
    layers: list[Layer] = [
        _series("bound", curve, curve.bound, "bound"),
        _series("predicted", curve, curve.predicted, "predicted"),
        _series("measured", curve, curve.error, "measured", joined=False),
        Rule(f"chosen step {short(curve.chosen)}", "x", curve.chosen, "chosen"),
    ]
    error = "" if curve.chosen_error is None else f", whose error is {short(curve.chosen_error)}"
    caption = (
        f"Points: the error against the certified truth, {_number(curve.truth)}. Dashed: predicted from the symbolic "
        "derivative and from likely rounding; dotted: the bound that is proved. "
        f"The method takes the step {short(curve.chosen)}{error}.{_unpredicted(curve)}"
    )
    return Figure(
        title=f"Error of {shown} by {spoken(curve.method)} against the step",
        caption=f"{setting.where(curve.point)} {caption}",
        x=Axis("step h", scale="log"),
        y=Axis(f"error of {shown}", scale="log"),
        layers=tuple(layer for layer in layers if not isinstance(layer, Series) or layer.x),
    )


def _overview(setting: Setting, curves: Sequence[StepCurve]) -> Figure:
    shown = reduced_partial(curves[0].parameter)
    layers: list[Layer] = [_series(spoken(curve.method), curve, curve.error, "plain") for curve in curves]
    chosen = [(curve.chosen, curve.chosen_error, spoken(curve.method)) for curve in curves if curve.chosen_error]
    steps, errors = tuple(step for step, _, _ in chosen), tuple(error for _, error, _ in chosen if error is not None)
    layers.append(Series("chosen steps", steps, errors, False, "chosen", tuple(words for _, _, words in chosen)))
    return Figure(
        title=f"Error of {shown} against the step",
        caption=(
            f"{setting.where(curves[0].point)} Measured against the certified truth, {_number(curves[0].truth)}. "
            "To the left rounding rules, which a smaller step magnifies; to the right truncation does. "
            f"{_flat(curves)}Diamonds are the steps that are taken where none is given."
        ),
        x=Axis("step h", scale="log"),
        y=Axis(f"error of {shown}", scale="log"),
        layers=tuple(layer for layer in layers if not isinstance(layer, Series) or layer.x),
    )


def _flat(curves: Sequence[StepCurve]) -> str:
    """Why one curve has no left side, where the complex step is among them."""
    if all(curve.method != "complex_step" for curve in curves):
        return ""
    return "The complex step subtracts nothing, and so has no left side. "


def _series(name: str, curve: StepCurve, values: Numbers, role: Role, *, joined: bool = True) -> Series:
    """What a logarithmic axis can show: no error that is exactly 0."""
    pairs = zip(curve.steps, values, strict=True)
    kept = [(step, value) for step, value in pairs if value is not None and value > 0]
    return Series(name, tuple(step for step, _ in kept), tuple(value for _, value in kept), joined, role)


def _number(value: float) -> str:
    return plain_exponent(f"{value:.6g}").replace("-", "−")


def _unpredicted(curve: StepCurve) -> str:
    """Where the prediction ends, because the interval of the step holds a kink."""
    missing = [step for step, value in zip(curve.steps, curve.predicted, strict=True) if value is None]
    if not missing:
        return ""
    first = short(min(missing))
    return f" From a step of {first} on the interval holds a kink or a singularity, and nothing is predicted."
