"""Kinds of planted error in one class of a loss that compares labels, and in what says that a sample does not count."""

from __future__ import annotations

import torch

from benchmarks.given import Given, Gradient
from benchmarks.kinds import Kind, felt_inside, inside_times, named
from diffexplore.methods.problem import Problem

Tensor = torch.Tensor

#: The label of a class, and the label of samples that do not count.
CLASS, IGNORED = 1, -100

_REGION = named("region", "missing_term", "extra_term", "sign_of_term", "cut_path", "one_sample")


def _has_labels(problem: Problem) -> bool:
    return "t" in problem.loss.data


def _of_class(given: Given) -> Tensor:
    return given.values["t"] == CLASS


def _ignored_counted(given: Given) -> Gradient:
    """The samples to ignore taken for samples of the other class."""
    labels = given.values["t"]
    return given.moved(t=torch.where(labels == IGNORED, torch.zeros_like(labels), labels)).reduced()


def _over_counted(given: Given) -> Gradient:
    counted = (given.values["t"] != IGNORED).sum().clamp(min=1)
    return {name: column.sum() / counted for name, column in given.samples().items()}


def _class_kind(key: str, factor: float) -> Kind:
    return Kind(key, _REGION, inside_times(_of_class, factor), touched=felt_inside(_of_class), there=_has_labels)


PLANTED_LABELS: tuple[Kind, ...] = (
    _class_kind("class of a label detached", 0.0),
    _class_kind("class of a label negated", -1.0),
    _class_kind("class of a label off by a tenth", 1.1),
    Kind("ignored label counted", _REGION | named("reduction", "wrong_power"), _ignored_counted, there=_has_labels),
    Kind("mean over what is counted", named("reduction"), _over_counted, there=_has_labels),
)
