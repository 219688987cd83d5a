"""What ``prove`` reads must be what runs: programs that a trace takes for something else than they are."""

from __future__ import annotations

import numbers
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from autograd_functions import function_of
from representatives import one_in, these

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.proving import rerun

Tensor = torch.Tensor


def right(a: Tensor, x: Tensor) -> Tensor:
    return (a * x).mean()


def cut(a: Tensor, x: Tensor) -> Tensor:
    return (a.detach() * x).mean() + 0 * a


# ------------------------------------------------------------------------------------ operators of other libraries


def _custom(
    name: str, function: Callable[..., Tensor], slope: Callable[[Tensor, Tensor], Tensor]
) -> Callable[..., Any]:
    """A custom operator of one tensor with its backward."""

    def operator(x: Tensor) -> Tensor:
        return function(x)

    made = torch.library.custom_op(f"readinglib::{name}", operator, mutates_args=())
    made.register_fake(torch.empty_like)
    made.register_autograd(
        lambda ctx, g: slope(g, *ctx.saved_tensors),
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
    )
    return made


CUBE_CALLED_EXP = _custom("exp", lambda x: x**3, lambda g, x: 3 * g * x**2)
DOUBLE_CALLED_NEG = _custom("neg", lambda x: 2 * x, lambda g, x: 2 * g)
TRIPLE_CALLED_RELU_ = _custom("clone", lambda x: 3 * x, lambda g, x: 3 * g)


SQUARE_BY_CUSTOM_BACKWARD = function_of(lambda x: x**2, lambda g, x: DOUBLE_CALLED_NEG(x) * g)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda a, x: CUBE_CALLED_EXP(a * x).mean(), "readinglib::exp"),
        (lambda a, x: (TRIPLE_CALLED_RELU_(a * x) ** 2).mean(), "readinglib::clone"),
        (lambda a, x: SQUARE_BY_CUSTOM_BACKWARD.apply(a * x).mean(), "readinglib::neg"),
    ],
)
def test_an_operator_of_another_library_is_refused_by_its_full_name(function: Any, name: str) -> None:
    with pytest.raises(dx.UsageError, match=f"^{name} at .*no formula"):
        dx.prove(function, parameters="a", data="x")


# ------------------------------------------------------------------------------------ what sees that it is traced


class Changes(torch.nn.Module):
    """Right in its first calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def forward(self, a: Tensor, x: Tensor) -> Tensor:
        self.left -= 1
        return right(a, x) if self.left >= 0 else cut(a, x)


def _by_text(a: Tensor, x: Tensor) -> Tensor:
    return right(a, x) if "Fake" in str(a) else cut(a, x)


def _by_type(a: Tensor, x: Tensor) -> Tensor:
    return right(a, x) if type(x).__name__ != "Tensor" else cut(a, x)


def _is_a_number(ask: Callable[[Any], bool]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda a, x: cut(a, x) if ask(x.shape[0]) else right(a, x)


SEES_THE_TRACE = {
    "text of a tensor": _by_text,
    "type of a tensor": _by_type,
    "the type of a size": _is_a_number(lambda n: type(n) is int),
    "text of a size": _is_a_number(lambda n: f"{n}".isdigit()),
    "hash of a size": _is_a_number(lambda n: str(n) in map(str, range(10))),
    "state": Changes(3),
}


#: Questions about the type of a size that are answered in a trace as where the program runs.
ASKS_FOR_THE_TYPE: dict[str, Callable[[Tensor], bool]] = {
    "an int": lambda x: isinstance(x.shape[0], int),
    "one of several": lambda x: isinstance(x.size(0), (str, numbers.Integral)),
    "no bool": lambda x: not isinstance(x.shape[0], bool),
    "none of torch's": lambda x: not isinstance(x.shape[0], torch.SymInt),
    "a float": lambda x: isinstance(x.shape[0] / 2, float) and not isinstance(x.shape[0] / 2, int),
    "a truth value": lambda x: isinstance(x.shape[0] > 2, bool),
}


#: One for each kind of number that a trace computes of sizes.
ASKED_EACH_TIME = ("one of several", "a float", "a truth value")


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("name", these(ASKED_EACH_TIME, ASKS_FOR_THE_TYPE))
def test_the_type_of_a_size_is_what_it_is_in_use(name: str) -> None:
    holds = ASKS_FOR_THE_TYPE[name]

    def right(a: Tensor, x: Tensor) -> Tensor:
        return (a * x).mean() if holds(x) else (a.detach() * x).mean()

    def wrong(a: Tensor, x: Tensor) -> Tensor:
        return (a.detach() * x).mean() if holds(x) else (a * x).mean()

    proof = dx.prove(right, parameters="a", data="x")
    assert (proof.status, proof.conditions) == ("proved", ())
    assert dx.prove(wrong, parameters="a", data="x").status == "refuted"


@pytest.mark.parametrize("name", one_in(2, SEES_THE_TRACE, first=1))
def test_what_does_something_else_where_it_runs_cannot_be_read(name: str) -> None:
    with pytest.raises(
        dx.UsageError, match=r"cannot be read: at a = .* it computes .* and what was traced gives"
    ) as found:
        dx.prove(SEES_THE_TRACE[name], parameters="a", data="x")
    assert "\n" not in str(found.value)


def test_what_differs_from_call_to_call_cannot_be_read() -> None:
    generator = random.Random(3)
    with pytest.raises(dx.UsageError, match=r"its L is .* in one call and .* in the next"):
        dx.prove(lambda a, x: right(a, x) * generator.random(), parameters="a", data="x")


def test_a_module_that_keeps_harmless_state_is_proved() -> None:
    assert dx.prove(Changes(10**6), parameters="a", data="x").status == "proved"


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.mean().item(),
        lambda x: bool(x.sum() > 0),
        lambda x: x.detach().numpy(),
        lambda x: x.tolist(),
        lambda x: float(x[0]),
    ],
)
def test_a_refusal_that_the_program_catches_is_not_forgotten(ask: Callable[[Tensor], Any]) -> None:
    def tries(a: Tensor, x: Tensor) -> Tensor:
        try:
            ask(x)
        except Exception:
            return right(a, x)
        return cut(a, x)

    with pytest.raises(dx.UsageError, match=r"Python number at|leaves torch|raises"):
        dx.prove(tries, parameters="a", data="x")


def test_errors_that_the_program_meets_in_use_as_well_are_its_own() -> None:
    def tries(a: Tensor, x: Tensor) -> Tensor:
        try:
            return (a * torch.ones(2, 3) @ torch.ones(2)).mean()
        except RuntimeError:
            return right(a, x)

    assert dx.prove(tries, parameters="a", data="x").status == "proved"


# ------------------------------------------------------------------------------------ hooks and gradients


def _accumulated(a: Tensor, x: Tensor) -> Tensor:
    a.register_post_accumulate_grad_hook(lambda leaf: leaf.grad.mul_(2))
    return right(a, x)


def _written(a: Tensor, x: Tensor) -> Tensor:
    a.register_hook(lambda gradient: setattr(a, "grad", gradient))
    return right(a, x)


@pytest.mark.parametrize(("function", "message"), [(_accumulated, "post_accumulate"), (_written, r"writes to a\.grad")])
def test_gradients_that_hooks_change_behind_autograd_are_refused(function: Any, message: str) -> None:
    with pytest.raises(dx.UsageError, match=message):
        dx.prove(function, parameters="a", data="x")


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("factor", "status"), [(1, "proved"), (2, "refuted")])
def test_a_hook_of_autograd_is_read(factor: int, status: str) -> None:
    def hooked(a: Tensor, x: Tensor) -> Tensor:
        a.register_hook(lambda gradient: factor * gradient)
        return right(a, x)

    assert dx.prove(hooked, parameters="a", data="x").status == status


# ------------------------------------------------------------------------------------ dtypes and settings


def _added_to_float32(a: Tensor, x: Tensor) -> Tensor:
    total = torch.zeros(3)
    total += a * x.mean()
    return total.sum()


def _product_with_float32(a: Tensor, x: Tensor) -> Tensor:
    return (torch.ones(2, 3) @ a).sum() * x.mean()


def test_tensors_that_a_program_makes_have_the_dtype_that_they_have_in_use() -> None:
    assert torch.get_default_dtype() == torch.float32
    with pytest.raises(dx.UsageError, match=r"it raises RuntimeError: .*(same dtype|scalar type)"):
        dx.prove(_product_with_float32, parameters="a[3]", data="x")
    torch.set_default_dtype(torch.float64)
    try:
        assert dx.prove(_product_with_float32, parameters="a[3]", data="x").status == "proved"
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_program_that_raises_only_where_it_runs_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(a: Tensor, x: Tensor) -> Tensor:
        if type(x) is Tensor and isinstance(x.shape[0], int) and x.shape[0] == 2:
            raise RuntimeError("two samples are too few")
        return right(a, x)

    with pytest.raises(
        dx.UsageError, match="when it is run for 2 samples it raises RuntimeError: two samples are too few"
    ):
        dx.prove(raises, parameters="a", data="x")


def test_a_value_that_overflows_is_a_note() -> None:
    proof = dx.prove(lambda a, x: torch.log(torch.exp(500 * a * x)).mean(), parameters="a", data="x")
    assert proof.status == "proved"
    assert any(re.match(r"L is inf when .* is run at a = .*: its formula gives ", note) for note in proof.notes)


def test_operations_without_a_bound_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """All operations that are read have one today."""
    watched = rerun.watched
    monkeypatch.setattr(rerun, "watched", lambda *given: replace(watched(*given), unbounded=("erf",)))
    proof = dx.prove(lambda a, x: (a * torch.erf(1.1 * x)).mean(), parameters="a", data="x")
    assert proof.status == "proved"
    assert any("no rounding bound for erf" in note for note in proof.notes)


def test_an_einsum_is_read_as_it_is_written_whatever_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """opt_einsum would choose the order of the products by the sizes, that of the batch among them."""
    traced: list[bool] = []

    class Chosen:
        @staticmethod
        def contract_path(subscripts: str, *operands: Any, **options: Any) -> Any:
            traced.append(type(operands[0]) is not Tensor)
            return [(0, 1), (0, 1)], None

    settings: Any = torch.backends.opt_einsum
    monkeypatch.setattr(settings.m, "_opt_einsum", Chosen)
    settings.m.is_available.cache_clear()
    settings.enabled = True
    try:
        proof = dx.prove(
            lambda W, v, x: torch.einsum("ni,ij,j->n", x, W, v).mean(), parameters="W[1,2] v[2]", data="x[1]"
        )
        assert settings.enabled
    finally:
        settings.enabled = False
        monkeypatch.undo()
        settings.m.is_available.cache_clear()
    assert proof.status == "proved"
    assert traced
    assert not any(traced)


# ------------------------------------------------------------------------------------ views and steps in place


def _cumsum_changed(a: Tensor) -> Tensor:
    b = a * 1
    b.cumsum(0).add_(1)
    return b**2


def _gather_changed(a: Tensor) -> Tensor:
    b = a * 1
    b.gather(0, torch.tensor(0)).mul_(3)
    return b**2


def _expanded(w: Tensor, x: Tensor) -> Tensor:
    y = w * x.mean()
    y.expand(3).mul_(2)
    return (y * w).sum()


def _expanded_and_chosen(w: Tensor) -> Tensor:
    y = (w * 1).reshape(1, 3)
    y.expand(2, 3)[1].mul_(2)
    return (y * w).sum()


def _view_of_view(w: Tensor) -> Tensor:
    y = w * 1
    y.unsqueeze(0).transpose(0, 1)[1:].add_(w[0])
    return (y**2).sum()


ZERO = torch.tensor(0)
ONE_INDEX = torch.tensor([0])

IN_PLACE = {
    "cumsum": (_cumsum_changed, "a"),
    "gather": (_gather_changed, "a"),
    "expanded": (_expanded, "w[3]"),
    "expanded and chosen": (_expanded_and_chosen, "w[3]"),
    "view of a view": (_view_of_view, "w[3]"),
    "flip": (lambda a: torch.flip(a**2, (0,)), "a"),
    "roll": (lambda a: torch.roll(a**2, 1), "a"),
    "index_select": (lambda a: torch.index_select(a**2, 0, ONE_INDEX), "a"),
    "index_add": (lambda a: torch.index_add(a**2, 0, ZERO, a), "a"),
    "index_copy": (lambda a: torch.index_copy(a**2, 0, ZERO, a.exp()), "a"),
}


@pytest.mark.parametrize("name", one_in(2, IN_PLACE))
def test_views_and_copies_are_what_torch_makes_of_them(name: str) -> None:
    """Each agrees with the runs of the program itself, or it would not be proved."""
    function, parameters = IN_PLACE[name]
    data = "x" if name == "expanded" else ""
    assert dx.prove(function, parameters=parameters, data=data).status == "proved"


def _leaf_in_place(a: Tensor, x: Tensor) -> Tensor:
    with torch.no_grad():
        a.clamp_(min=0)
    return right(a, x)


def _leaf_through_detach(a: Tensor, x: Tensor) -> Tensor:
    a.detach().clamp_(min=0)
    return right(a, x)


def _out(a: Tensor, x: Tensor) -> Tensor:
    square = torch.empty_like(x)
    with torch.no_grad():
        torch.mul(x, x, out=square)
    return (a * square).mean()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_leaf_in_place, "an argument is modified in place: work on a copy"),
        (_leaf_through_detach, "an argument is modified in place: work on a copy"),
        (_out, "without out="),
    ],
)
def test_steps_that_write_where_no_formula_can_are_refused(function: Any, message: str) -> None:
    with pytest.raises(dx.UsageError, match=message):
        dx.prove(function, parameters="a", data="x")


# ------------------------------------------------------------------------------------ the command line


def test_the_command_line_ends_with_code_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "def loss(a, x):\n    return (a.detach() * x).mean() if type(x.shape[0]) is int else (a * x).mean()\n",
        encoding="utf-8",
    )
    assert main(["prove", f"{path}:loss", "--wrt", "a"]) == 2
    assert "loss cannot be read: at a = " in " ".join(capsys.readouterr().err.split())
