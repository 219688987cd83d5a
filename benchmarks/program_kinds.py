"""Kinds of errors that only a reader of whole programs can find, each planted into random torch programs.

A kind makes a pair of programs from a random source: one whose backward pass is right, and its twin with the error.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.program_parts import Tensor, factor, function_of, model, reduced, two


@dataclass(frozen=True)
class Twins:
    """Two programs of the same arguments; ``right`` is its own derivative's, ``wrong`` is not."""

    right: Callable[..., Tensor]
    wrong: Callable[..., Tensor]
    parameters: str = "a b"
    data: str = "x y"
    domain: tuple[str, ...] = ()


def _label(draw: random.Random) -> float:
    """A value that data take to say that a sample is of some class."""
    return draw.choice((0.0, 1.0, -1.0, 2.0, -100.0))


def detached_class(draw: random.Random) -> Twins:
    """The samples of one class lose their gradient."""
    (f, g), line, reduce, c = two(draw), model(draw), reduced(draw), _label(draw)

    def program(a: Tensor, b: Tensor, x: Tensor, y: Tensor, *, cut: bool) -> Tensor:
        z = line(a, b, x)
        return reduce(torch.where(y == c, f.function(z.detach() if cut else z), g.function(z)))

    return _cut(program)


def detached_mask(draw: random.Random) -> Twins:
    """The same, with the classes as factors of 0 and 1."""
    (f, g), line, reduce, c = two(draw), model(draw), reduced(draw), _label(draw)

    def program(a: Tensor, b: Tensor, x: Tensor, y: Tensor, *, cut: bool) -> Tensor:
        z = line(a, b, x)
        chosen = (y == c).to(z.dtype)
        return reduce(chosen * f.function(z.detach() if cut else z) + (1 - chosen) * g.function(z))

    return _cut(program)


def class_of_half_a_line(draw: random.Random) -> Twins:
    """The same for the samples on one side of a threshold, where others are masked out."""
    (f, g), line, reduce, c = two(draw), model(draw), reduced(draw), draw.choice((-0.5, 0.0, 0.25, 1.0))

    def program(a: Tensor, b: Tensor, x: Tensor, y: Tensor, *, cut: bool) -> Tensor:
        z = line(a, b, x)
        kept = g.function(z).masked_fill(y < c, 0.0)
        return reduce(kept + torch.where(y >= c, f.function(z.detach() if cut else z), z))

    return _cut(program)


def negated_class(draw: random.Random) -> Twins:
    """A Function whose backward pass is off by a factor for one value of the data."""
    (f, g), line, reduce, c, k = two(draw), model(draw), reduced(draw), _label(draw), factor(draw)
    right = function_of(lambda z, t: f.function(z), lambda u, z, t: u * f.slope(z))
    wrong = function_of(
        lambda z, t: f.function(z), lambda u, z, t: u * f.slope(z) * torch.where(t == c, torch.full_like(t, k), 1.0)
    )  # fmt: skip
    return Twins(
        lambda a, b, x, y: reduce(right(line(a, b, x), y) + g.function(b * y)),
        lambda a, b, x, y: reduce(wrong(line(a, b, x), y) + g.function(b * y)),
    )


def factor_of_a_function(draw: random.Random) -> Twins:
    """A Function whose backward pass is off by a factor."""
    (f, g), line, reduce, k = two(draw), model(draw), reduced(draw), factor(draw)
    right = function_of(f.function, lambda u, z: u * f.slope(z))
    wrong = function_of(f.function, lambda u, z: u * f.slope(z) * k)
    return Twins(
        lambda a, b, x, y: reduce((right(line(a, b, x)) - g.function(y)) ** 2),
        lambda a, b, x, y: reduce((wrong(line(a, b, x)) - g.function(y)) ** 2),
    )


def ignored_upstream(draw: random.Random) -> Twins:
    """A Function that is a loss, and takes for granted that nothing follows it."""
    (f, _), reduce = two(draw), reduced(draw)
    many = (lambda z: 1 / z.numel()) if reduce is torch.mean else (lambda z: 1.0)
    right = function_of(lambda z: reduce(f.function(z)), lambda u, z: u * f.slope(z) * many(z))
    wrong = function_of(lambda z: reduce(f.function(z)), lambda u, z: f.slope(z) * many(z))
    line, last = model(draw), draw.choice((lambda v: 3 * v, lambda v: v**2, torch.exp, lambda v: v))
    return Twins(
        lambda a, b, x, y: last(right(line(a, b, x) + y)), lambda a, b, x, y: last(wrong(line(a, b, x) + y))
    ) if last(torch.tensor(2.0)) != 2 else Twins(right, wrong, parameters="", data="z")  # fmt: skip


def branch_on_the_shape(draw: random.Random) -> Twins:
    """Batches of some sizes are treated otherwise."""
    (f, _), line, reduce = two(draw), model(draw), reduced(draw)
    size = draw.choice((2, 3, 4, 5, 8))
    test: Callable[[int], bool] = draw.choice((
        lambda n: n > size, lambda n: n < size, lambda n: n == size, lambda n: n % 2 == 0, lambda n: n % 3 == 1,
    ))  # fmt: skip

    def program(a: Tensor, b: Tensor, x: Tensor, y: Tensor, *, cut: bool) -> Tensor:
        z = line(a, b, x) - y
        if test(x.shape[0]):
            return reduce(f.function(z.detach() + b if cut else z))
        return reduce(f.function(z))

    return _cut(program)


def hook(draw: random.Random) -> Twins:
    """A hook on an intermediate tensor changes its gradient."""
    (f, _), line, reduce, k = two(draw), model(draw), reduced(draw), factor(draw)

    def program(a: Tensor, b: Tensor, x: Tensor, y: Tensor, *, cut: bool) -> Tensor:
        z = line(a, b, x)
        if z.requires_grad:
            z.register_hook(lambda upstream: upstream * k if cut else upstream * 1)
        return reduce(f.function(z) + y * b)

    return _cut(program)


def destroyed(draw: random.Random) -> Twins:
    """A backward pass that writes into what it saved: right once, and no second time."""
    (f, g), line, reduce = two(draw), model(draw), reduced(draw)
    right = function_of(f.function, lambda u, z: f.slope(z).mul_(u))
    wrong = function_of(f.function, lambda u, z: u * f.slope(z.add_(1) - 1))
    return Twins(
        lambda a, b, x, y: reduce(right(line(a, b, x) + 0) * g.function(y)),
        lambda a, b, x, y: reduce(wrong(line(a, b, x) + 0) * g.function(y)),
    )


def wrong_at_a_point(draw: random.Random) -> Twins:
    """A case for one value of a parameter, in which the slope of the formula is another one."""
    (f, _), reduce, c, k = two(draw), reduced(draw), draw.choice((0.0, 1.0, -2.0)), draw.choice((2.0, -1.0, 0.5))

    def program(a: Tensor, b: Tensor, x: Tensor, y: Tensor, *, cut: bool) -> Tensor:
        inside = k * (a - c) if cut else a - c  # 0 at a = c, as what stands beside it
        return reduce(torch.where(a == c, inside, a - c) * (x**2 + 1) + f.function(b * y))

    return _cut(program)


def rows_that_add_up(draw: random.Random) -> Twins:
    """A normalisation whose backward pass lacks the term that a sum over the output would hide."""
    (f, _) = two(draw)

    def backward(u: Tensor, z: Tensor, *, cut: bool) -> Tensor:
        p = torch.softmax(f.function(z), -1)
        inner = p * (u - (0 if cut else (u * p).sum(-1, keepdim=True)))
        return inner * f.slope(z)

    def forward(z: Tensor) -> Tensor:
        return torch.softmax(f.function(z), -1)

    right = function_of(forward, lambda u, z: backward(u, z, cut=False))
    wrong = function_of(forward, lambda u, z: backward(u, z, cut=True))
    return Twins(lambda w: right(w), lambda w: wrong(w), parameters="w[3]", data="")


def dropped_path(draw: random.Random) -> Twins:
    """A factor that depends on a parameter is taken for a constant."""
    (f, g), line, reduce = two(draw), model(draw), reduced(draw)

    def program(a: Tensor, b: Tensor, x: Tensor, y: Tensor, *, cut: bool) -> Tensor:
        scale = 1 + g.function(a) ** 2
        return reduce((f.function(line(a, b, x)) - y) ** 2 / (scale.detach() if cut else scale))

    return _cut(program)


def _cut(program: Callable[..., Tensor]) -> Twins:
    def right(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return program(a, b, x, y, cut=False)

    def wrong(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return program(a, b, x, y, cut=True)

    return Twins(right, wrong)


KINDS: dict[str, Callable[[random.Random], Twins]] = {
    "detached class": detached_class,
    "detached mask": detached_mask,
    "class of half a line": class_of_half_a_line,
    "factor in one class": negated_class,
    "factor": factor_of_a_function,
    "ignored upstream": ignored_upstream,
    "branch on the shape": branch_on_the_shape,
    "hook": hook,
    "destroyed saved tensor": destroyed,
    "wrong at a point": wrong_at_a_point,
    "rows that add up": rows_that_add_up,
    "dropped path": dropped_path,
}
