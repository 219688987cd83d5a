"""What notebooks show: proofs as pages, and errors of the user without a traceback."""

from __future__ import annotations

import functools
import pickle
import re
import struct
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
import torch
from autograd_functions import function_of

import diffexplore as dx
from diffexplore.errors import DiffexploreError
from diffexplore.render.failure import failure_text

Tensor = torch.Tensor


HALF = function_of(lambda z: z * z, lambda upstream, z: upstream * z)


def right(a: Tensor, x: Tensor) -> Tensor:
    return ((a * x) ** 2).mean()


def wrong(a: Tensor, x: Tensor) -> Tensor:
    return HALF.apply(a * x).mean()


LOSS = dx.Loss("(a*x)**2", parameters="a", data="x")
DATA, AT = {"x": [1.0, 2.0]}, {"a": 1.5}


@functools.cache
def proof_of(program: Any) -> dx.Proof:
    return dx.prove(program, LOSS)


@functools.cache
def fit_of(loss: Any) -> dx.Fit:
    return (
        dx.fit(loss, steps=3, methods="reverse")
        if isinstance(loss, str)
        else dx.fit(loss, DATA, AT, steps=3, methods="reverse")
    )


@functools.cache
def check() -> dx.Report:
    return dx.check(LOSS, DATA, AT)


@functools.cache
def verification() -> dx.Report:
    return dx.verify(wrong, LOSS, DATA, AT)


@pytest.mark.parametrize(("program", "word"), [(right, "PROVED"), (wrong, "REFUTED")])
def test_a_proof_shows_itself(program: object, word: str) -> None:
    page = proof_of(program)._repr_html_()
    assert page.startswith('<div class="diffexplore"') and page.endswith("</div>")
    assert page.count(word) == 1 and page.index(word) < page.index("∂L/∂a")  # the answer opens the page
    assert "∂L/∂a" in page and "<script" not in page
    text = re.sub(r"<[^>]*>", "", page)
    assert "<" not in text and ">" not in text


def test_an_error_of_the_user_is_one_line() -> None:
    with pytest.raises(dx.UsageError) as raised:
        dx.Loss("(a*x", parameters="a", data="x")
    assert raised.value._render_traceback_() == [f"UsageError: {raised.value}"]
    assert "\n" not in str(raised.value)
    assert DiffexploreError("why")._render_traceback_() == ["DiffexploreError: why"]


def test_a_wrong_gradient_says_its_headline() -> None:
    with pytest.raises(dx.GradientError) as raised:
        dx.assert_gradient(wrong, LOSS, DATA, AT)
    for error in (raised.value, pickle.loads(pickle.dumps(raised.value))):
        lines = "\n".join(error._render_traceback_()).splitlines()
        assert lines[0].startswith("GradientError: FAIL  wrong: ∂L/∂a is wrong (")
        assert len(lines) <= 25 and lines[-1].strip()


def test_a_loss_called_loss_is_named_once() -> None:
    loss = dx.Loss(LOSS.formula, parameters="a", data="x", name="loss")
    said = str(dx.prove(lambda a, x: ((a * x) ** 2).mean() + 1, loss))
    assert "does not compute the loss" in said
    assert "the loss loss" not in said and "the loss the loss" not in said


class Printer:
    """As much of IPython's printer as a result needs that shows itself."""

    max_width = 79

    def __init__(self) -> None:
        self.shown = ""

    def text(self, text: str) -> None:
        self.shown += text


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (check, "PASS"),
        (lambda: proof_of(wrong), "REFUTED"),
        (lambda: fit_of(LOSS), "Loss"),
    ],
    ids=["report", "proof", "fit"],
)
def test_a_terminal_of_ipython_shows_the_page_and_no_record(make: Callable[[], Any], word: str) -> None:
    printer = Printer()
    make()._repr_pretty_(printer, False)
    lines = printer.shown.splitlines()
    assert word in printer.shown
    assert len(lines) > 3
    assert max(map(len, lines)) <= 79
    assert "summary=" not in printer.shown and "statements=" not in printer.shown


def in_a_terminal(result: Any) -> str:
    """The text of a result."""
    printer = Printer()
    result._repr_pretty_(printer, False)
    return printer.shown


@pytest.mark.parametrize(
    ("make", "shown_by"),
    [
        (check, in_a_terminal),
        (verification, in_a_terminal),
        (lambda: proof_of(wrong), in_a_terminal),
        (lambda: fit_of(LOSS), in_a_terminal),
        (verification, failure_text),
    ],
    ids=["report", "verify", "proof", "fit", "failure"],
)
def test_a_kernel_of_jupyter_makes_the_text_and_shows_nothing(
    make: Callable[[], Any], shown_by: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = make()
    expected = shown_by(result)
    shown: list[object] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *parts: shown.append(parts))
    assert shown_by(result) == expected
    assert len(expected.splitlines()) > 3
    assert not shown, "rich shows what it prints in a notebook, beside the page of the result"


def test_a_plot_is_a_picture_without_pyplot() -> None:
    picture, about = fit_of("squared_error").plot()._repr_png_()
    width, height = struct.unpack(">II", picture[16:24])  # of the PNG's first chunk, IHDR
    assert picture.startswith(b"\x89PNG") and (width, height) == (1080, 660)
    assert about == {"width": 720, "height": 440, "alt": "Loss curve of squared_error"}


@pytest.mark.parametrize("matplotlib", [True, False])
def test_a_curve_in_a_notebook_is_a_picture(matplotlib: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fit_of("squared_error")
    if not matplotlib:
        monkeypatch.setattr("diffexplore.render.html.find_spec", lambda name: None)
    page = fit._repr_html_()
    drawn = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="Loss curve of squared_error"', page)
    lines = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert (len(drawn), len(lines)) == ((1, 0) if matplotlib else (0, 1))
    assert all(b64decode(text).startswith(b"\x89PNG") for text in drawn)
    assert all(text.isascii() and "Loss curve" in text for text in lines), "other characters are not all equally wide"
