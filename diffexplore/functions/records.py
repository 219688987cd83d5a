"""One record a function: what the language, the arithmetics, the bounds and the proofs know of it.

:class:`Function` is a word of the formula language. :class:`Operation` is what programs compute in one step. A function
that is one operation holds its record; the others say how they are composed. Every fact whose lack would be unsafe is
a required field: a record without it fails at import, and what is truly not there is stated by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from diffexplore.functions.building import Building
from diffexplore.functions.facts import Facts
from diffexplore.functions.rounding import Claim, Interval, OwnTrial, Propagation, Rounding, Trials, Tried

Implementation = Callable[..., Any]
"""A function, or the lazy name of one (:mod:`diffexplore.functions.lazy`)."""


class Lack(Enum):
    """Why a record has nothing in the place of an implementation or a rule."""

    NO_NUMPY = "neither NumPy nor Python's math module has the function"
    NO_JAX = "JAX has no such function"
    NO_TENSORFLOW = "TensorFlow has no such function"
    NO_PYTHON = "Python's math module has no such function"
    NO_TORCH = "PyTorch has no such function"
    NO_JAVASCRIPT = "JavaScript has no such function"
    NO_SOURCE = "it is written by the dialect itself, for it has no fixed number of arguments"
    NO_CLASS = "SymPy's expression of it is one of other functions"
    NOT_COMPLEX = "it is not analytic, or PyTorch computes it of real numbers only"
    LEFT_TO_ARB = "double-double arithmetic leaves every sample to Arb"
    A_CHOICE = "the language reads it as a choice, whose conditions and branches are no arguments"


NO_NUMPY, NO_JAX, NO_TENSORFLOW, NO_PYTHON = Lack.NO_NUMPY, Lack.NO_JAX, Lack.NO_TENSORFLOW, Lack.NO_PYTHON
NO_TORCH, NO_JAVASCRIPT = Lack.NO_TORCH, Lack.NO_JAVASCRIPT
NO_SOURCE, NO_CLASS, NOT_COMPLEX = Lack.NO_SOURCE, Lack.NO_CLASS, Lack.NOT_COMPLEX
LEFT_TO_ARB, A_CHOICE = Lack.LEFT_TO_ARB, Lack.A_CHOICE


# -------------------------------------------------------------------------------------------------- how it is computed
@dataclass(frozen=True)
class Composed:
    """A function that is computed by other operations of the same arithmetic.

    ``steps`` takes the operations, as attributes of one object, and the operands: ``lambda op, x: op.div(op.sin(x),
    op.cos(x))``. ``op.number`` makes an operand of an exact number.
    """

    steps: Callable[..., Any]


@dataclass(frozen=True)
class Kernels:
    """A function for PyTorch or NumPy that runs several kernels: those of the operations ``of``."""

    run: Implementation
    of: tuple[str, ...]


@dataclass(frozen=True)
class Readings:
    """Three readings of a function with a corner or a jump, on balls that may hold it.

    ``both``: the union of both sides. ``cases``: an exact number decides, equality included. ``smooth``: no finite
    value over a corner or a jump, so that a finite one says that the function is smooth there.
    """

    both: Implementation
    cases: Implementation
    smooth: Implementation


@dataclass(frozen=True)
class Helper:
    """The source of a function that an exported module defines, and calls by its ``name``.

    It takes the first ``arguments`` of the expression's arguments, and calls the functions that it ``uses``.
    """

    name: str
    source: str
    arguments: int = 1
    uses: tuple[Helper, ...] = ()


@dataclass(frozen=True)
class Defined:
    """A function that SymPy lacks: its derivative in each argument, None for one that is no expression; its LaTeX.

    ``latex`` has the orders in the places ``{0}``, ``{1}`` where the function has some.
    A slope is a function of SymPy arguments (``build`` of :mod:`diffexplore.functions.tables` makes functions).
    """

    slopes: tuple[Callable[..., Any] | None, ...]
    latex: str


# ------------------------------------------------------------------------------------------------------------- records
@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a program computes in one step.

    Attributes:
        name: its name in programs.
        torch, numpy, jax, tensorflow: functions of tensors or arrays of one dtype, elementwise.
        arb: a function of Arb's balls that encloses all values.
        double: the same of double-double balls (:mod:`diffexplore.arithmetic.double_functions`).
        germ: the same of germs, with the number of powers as its last argument.
        complex: a function of complex tensors with radii (:mod:`diffexplore.bounds.complex_balls`).
        javascript: the name of a function of JavaScript, or of one in ``program/special.js``; an operator; or the
            source of a function.
        facts: its mathematics.
        spread: how the errors of operands spread (:mod:`diffexplore.bounds.propagation`).
        claim: the rounding that is claimed of its kernel in PyTorch, and in NumPy.
        tried: how the canary holds the claim against the build at hand.
        zeros: its roots that are numbers of every dtype.
        derivative_uses: the further operations that PyTorch runs to differentiate it, in reverse or forward mode.
        aten: its name in ATen, where that is another one; ``also`` are other names of it there.
    """

    name: str
    torch: Implementation | Kernels | Composed
    numpy: Implementation | Kernels | Composed | Lack
    jax: Implementation | Composed | Lack
    tensorflow: Implementation | Composed | Lack
    arb: Implementation | Readings
    double: Implementation | Readings | Lack
    germ: Implementation
    complex: Implementation | Composed | Lack
    javascript: str | Helper | Lack
    facts: Facts
    spread: Implementation | Propagation
    claim: Claim | Rounding
    tried: tuple[Interval | Trials | OwnTrial, ...] | Tried
    zeros: tuple[float, ...]
    derivative_uses: tuple[str, ...]
    aten: str = ""
    also: tuple[str, ...] = ()

    @property
    def aten_name(self) -> str:
        """The name of its kernel in ATen."""
        return self.aten or self.name


@dataclass(frozen=True, kw_only=True)
class Function:
    """A word of the formula language.

    Attributes:
        name: the word; ``aliases`` are others for the same.
        doc: what it means, in a few words.
        least, most: how many arguments it takes; ``most`` is None where any number from ``least`` up is welcome.
        node: the class of its expressions in SymPy, or what defines one.
        computed: the operation that computes it, or how others do.
        building: what building its expression costs SymPy.
        build: makes the expression of SymPy arguments, where that is not the class of SymPy.
        python, torch: how exported source writes it: the name of a function, a text with ``{0}``, ``{1}`` for its
            arguments, or a function that the source defines.
        own_facts: its mathematics, where that is not the operation's.
        naive: the form of which it is the accurate one, which loses digits or overflows, made of SymPy arguments.
        often_a_symbol: whether the bare word, without arguments, is a symbol: people call parameters i0 and k1.
        optional: the last arguments, as whole numbers, where they are left out.
        orders: how many of its arguments are orders, whole numbers in front of the others.
        of_order_0: the operation that it is where all orders are 0.
        word: whether formulas may use it; programs that are traced have a few others.
    """

    name: str
    doc: str
    node: Any
    computed: Operation | Composed | Lack
    building: Building
    python: str | Helper | Lack
    torch: str | Helper | Lack
    build: Implementation | None = None
    own_facts: Facts | None = None
    naive: Callable[..., Any] | None = None
    least: int = 1
    most: int | None = 1
    aliases: tuple[str, ...] = ()
    word: bool = True
    often_a_symbol: bool = False
    optional: tuple[int, ...] = ()
    orders: int = 0
    of_order_0: Operation | None = None

    def __post_init__(self) -> None:
        if self.node is NO_CLASS and self.build is None:
            raise TypeError(f"the function {self.name} has neither a class of SymPy nor a builder")
        if bool(self.orders) != (self.of_order_0 is not None):
            raise TypeError(f"the function {self.name} has orders, and does not say what it is where they are 0")
        if isinstance(self.computed, Composed) and self.node is not NO_CLASS and self.own_facts is None:
            raise TypeError(f"the function {self.name} states no facts, and no operation has any for it")

    def accepts(self, count: int) -> bool:
        """Whether ``count`` arguments are as many as the function takes."""
        return self.least <= count and (self.most is None or count <= self.most)

    @property
    def arity(self) -> str:
        """How many arguments it takes, in words: "1 argument", "1 or 2 arguments", "2 or more arguments"."""
        if self.most is None:
            return f"{self.least} or more arguments"
        if self.most == self.least:
            return f"{self.least} argument{'s' if self.least > 1 else ''}"
        return f"{self.least} or {self.most} arguments"

    @property
    def facts(self) -> Facts:
        """Its mathematics. Raises TypeError for a function that has none of its own: its expression has others'."""
        if self.own_facts is not None:
            return self.own_facts
        if not isinstance(self.computed, Operation):
            raise TypeError(f"{self.name} is composed of other functions")
        return self.computed.facts
