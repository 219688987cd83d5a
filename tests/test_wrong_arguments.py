"""Arguments of every kind: what is meant is taken, everything else is refused in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import sympy
import torch

import diffexplore as dx
from benchmarks import wrong_arguments

LOSS = dx.Loss("(a*x - y)**2", parameters="a", data="x, y")
DATA = {"x": [0.5, 2.0], "y": [1.0, -1.0]}


class Frame:
    """What a table of pandas can do, and no more than is needed of it."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = {name: Series(column) for name, column in columns.items()}
        self.columns = list(self._columns)

    def items(self) -> Iterator[tuple[str, Any]]:
        return iter(self._columns.items())


class Series:
    """What a series of pandas can do."""

    def __init__(self, values: Any, index: Any = None) -> None:
        self._values = np.asarray(values)
        self.index = list(range(len(self._values))) if index is None else index

    def to_numpy(self) -> Any:
        return self._values

    def items(self) -> Iterator[tuple[Any, Any]]:
        return iter(zip(self.index, self._values, strict=True))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._values if dtype is None else self._values.astype(dtype)

    def __len__(self) -> int:
        return len(self._values)


def _right(a: Any, x: Any, y: Any) -> Any:
    return (2 * x * (a * x - y)).mean()


@pytest.mark.parametrize(
    "options",
    [
        {"data": Frame(DATA)},
        {"data": {name: Series(column) for name, column in DATA.items()}},
        {"data": {name: np.array(column, np.float32) for name, column in DATA.items()}},
        {"at": Series([1.5], ["a"])},
        {"at": [Series([1.5], ["a"]), {"a": 2}]},
        {"at": ({"a": value} for value in (1.0, 2.0))},
        {"at": {"a": np.float32(1.5)}},
        {"at": {"a": torch.tensor(1.5)}},
        {"dtype": np.float32},
        {"dtype": np.dtype("float64")},
        {"seed": np.int64(3)},
        {"seed": np.array(3)},
        {"step": np.float32(1e-3)},
        {"wrt": np.array(["a"])},
        {"wrt": {"a", "x"}},
        {"wrt": (name for name in ("a",))},
        {"methods": {"symbolic", "reverse"}},
        {"methods": np.array(["reverse"])},
    ],
    ids=lambda options: f"{next(iter(options))} {type(next(iter(options.values()))).__name__}",
)
def test_what_is_meant_is_taken(options: dict[str, Any]) -> None:
    given = {"data": DATA, "at": {"a": 1.5}, "methods": "symbolic, reverse", "device": "cpu"}
    assert dx.check(LOSS, **{**given, **options}).verdict == "pass"


@pytest.mark.parametrize("accept", ["kink", ["kink"], ("kink",), {"kink"}, np.array(["kink"]), iter(["kink"])])
def test_a_word_is_one_word(accept: Any) -> None:
    loss = dx.Loss("abs(a*x)", parameters="a", data="x")

    def gradient(a: Any, x: Any) -> Any:
        return (torch.sign(a * x) * x).mean()

    given: Any = (gradient, loss, {"x": [1.0]}, {"a": 0.0})
    assert dx.verify(*given, kind="gradient", accept=accept).verdict == "pass"
    assert dx.verify(*given, kind="gradient").verdict == "inconclusive"


def test_upstream_gradients_of_any_array() -> None:
    loss = dx.Loss("a*x", parameters="a", data="x", reduction="sum")
    for upstream in ([2.0, 3.0], np.array([2, 3]), torch.tensor([2.0, 3.0]), Series([2.0, 3.0])):
        given = {"data": {"x": [1.0, -1.0]}, "at": {"a": 1.5}, "upstream": upstream}
        assert dx.verify(lambda a, x: a * x, loss, **given).verdict == "pass"


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: dx.check(LOSS, DATA, {"a": 1.0}, methods=3), "methods should be texts such as ['a', 'b'], not 3"),
        (lambda: dx.check(LOSS, DATA, {"a": 1.0}, wrt=3), "wrt should be texts such as"),
        (lambda: dx.check(LOSS, DATA, {"a": 1.0}, wrt=b"a"), "wrt should be texts such as"),
        (lambda: dx.check(None, DATA), "the loss should be a dx.Loss, a name of the catalogue, a formula, a SymPy"),
        (lambda: dx.check(LOSS, DATA, {"a": True}), "the value of 'a' is True, not a real number"),
        (lambda: dx.check(LOSS, DATA, {"a": 1.0}, seed=True), "the seed should be a whole number from 0, not True"),
        (lambda: dx.check(LOSS, DATA, {"a": 1.0}, dtype=np.int32), "unknown dtype 'int32'"),
        (lambda: dx.check(LOSS, {"x": torch.empty(2, device="meta"), "y": [1, 2]}, {"a": 1.0}), "no"),
        (lambda: dx.verify(_right, LOSS, DATA, {"a": 1.0}, kind=3), "kind should be a text, not 3"),
        (lambda: dx.verify(_right, LOSS, DATA, {"a": 1.0}, accept=3), "accept should be texts"),
        (lambda: dx.verify(_right, LOSS, DATA, {"a": 1.0}, pack=torch.ones(2)), "pack should map arguments"),
        (lambda: dx.assert_gradient(_right, LOSS, DATA, {"a": 1.0}, allow_inconclusive=1), "should be True or False"),
        (lambda: dx.Loss("a*x", parameters=None, data="x"), "parameters should be texts"),  # type: ignore[arg-type]
        (lambda: dx.Loss("a*x", parameters="a", data={"x": 1}), "data should be texts"),  # type: ignore[arg-type]
        (lambda: dx.Loss("a", parameters="a", domain=3), "domain should be texts such as"),  # type: ignore[arg-type]
        (lambda: dx.Loss("a", parameters="a", name=3), "name should be a text or None"),  # type: ignore[arg-type]
        (lambda: dx.Loss("a", parameters="a", reduction="z" * 10_000), "unknown reduction 'zzz"),
        (lambda: dx.Loss(sympy.zoo, parameters=()), "cannot compute with"),
        (lambda: dx.prove(3), "what is proved should be a torch function"),
        (lambda: dx.prove(_right, LOSS, wrt=3), "wrt should be texts"),
        (lambda: dx.fit(LOSS, DATA, {"a": 1.0}, lr=10**400), "the learning rate should be a positive number"),
        (lambda: dx.fit(LOSS, DATA, {"a": 1.0}, steps="many"), "the number of steps should be an integer from 0"),
        (lambda: dx.fit(LOSS, DATA, {"a": 1.0}, dtype=3), "the dtype should be one or more of float64"),
        (lambda: dx.fit(LOSS, DATA, {"a": 1.0}, methods=3), "the methods should be texts"),
        (lambda: dx.fit(LOSS, DATA, {"a": 1.0}, optimizer=np.ones(2)), "the optimizer should be one of gd"),
        (lambda: dx.fit(int, DATA, {"a": 1.0}), "int is a class: give an instance of it, as in int(), or a function"),
        (lambda: dx.verify({1: 2}, LOSS, DATA, {"a": 1.0}), "unknown"),
        (lambda: dx.check(LOSS, "z" * 5_000, {"a": 1.0}), "data is read from .csv"),
        (lambda: dx.check(LOSS, "z" * 5_000 + ".csv", {"a": 1.0}), "File name too long"),
        (lambda: dx.losses.get(3), "the name of a loss should be a text, not 3"),  # type: ignore[arg-type]
        (lambda: dx.losses.get("hyperplane", dimensions=True), "dimensions should be a whole number from 1"),
        (lambda: dx.strategies.batches(LOSS, max_size=-1), "max_size should be a whole number"),
    ],
)
def test_what_is_not_is_refused_by_name(call: Any, part: str) -> None:
    with pytest.raises(dx.DiffexploreError) as caught:
        call()
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_method_of_a_fit_may_have_its_other_name() -> None:
    found = [dx.fit(LOSS, DATA, {"a": 1.0}, steps=2, methods=name).runs[0] for name in ("backward", "reverse")]
    assert found[0].method == found[1].method == "reverse"


def test_an_argument_with_a_default_is_no_data() -> None:
    def loss(a: Any, x: Any, power: int = 2) -> Any:
        return ((a * x) ** power).mean()

    assert dx.fit(loss, {"x": [1.0, 2.0]}, {"a": 1.0}, steps=2).loss.data == ("x",)


@pytest.mark.parametrize("name", ["Loss", "losses.get", "methods.select", "strategies.batches", "Loss.gradient"])
def test_every_kind_of_argument(name: str) -> None:
    """The other functions are tried by the slow test."""
    (function,) = [function for function in wrong_arguments.FUNCTIONS if function.name == name]
    endings = [(description, wrong_arguments.ending(call)) for description, call in wrong_arguments.trials(function)]
    assert len(endings) >= 40
    assert [one for one in endings if one[1] not in ("returned", "refused")] == []


@pytest.mark.slow
@pytest.mark.parametrize("function", wrong_arguments.FUNCTIONS, ids=lambda function: function.name)
def test_every_kind_of_argument_of_every_function(function: wrong_arguments.Function) -> None:
    endings = [(description, wrong_arguments.ending(call)) for description, call in wrong_arguments.trials(function)]
    assert [one for one in endings if one[1] not in ("returned", "refused")] == []
