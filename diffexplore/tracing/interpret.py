"""Reading a captured graph: each node becomes an array of SymPy expressions."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import sympy
import torch
from sympy.logic.boolalg import Boolean
from torch.fx import Node

from diffexplore.errors import UsageError
from diffexplore.floating_point import dtype_name
from diffexplore.formula.batch_sums import SAMPLES, batch_sum
from diffexplore.formula.recognise import Recognised, derived, itself, recognised
from diffexplore.torch_ops.readers import reductions
from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes, cells_of, each, scalar
from diffexplore.torch_ops.readers.conventions import is_unseen
from diffexplore.torch_ops.readers.kinds import Known, NotANumber, check_arguments, conformed
from diffexplore.torch_ops.readers.logic import as_condition, as_number, is_truth
from diffexplore.torch_ops.records import Operator
from diffexplore.torch_ops.registry import advice
from diffexplore.torch_private.watching import tree_leaves
from diffexplore.tracing.capture import Capture, MixesSamples
from diffexplore.tracing.domains import Certainty, NodeDomains, NoValue
from diffexplore.tracing.lines import SourcePlace
from diffexplore.tracing.narrow import NarrowResults
from diffexplore.tracing.nodes import RESHAPES, as_given, is_in_place, metas_of, name_of, only_checks, operator_of
from diffexplore.tracing.pairs import as_real, real_shape
from diffexplore.tracing.sizes import LONG, floats_of, in_samples
from diffexplore.tracing.ways import WayOfReading


class Reading:
    """The state of reading one graph: the node at hand, and what was noted on the way.

    ``data`` are the symbols of one sample, ``shape`` is that of the node's result: its sizes, where that of the batch
    is 1, and the axis of the samples; ``dtype`` is that of the result, None where there are several. ``certain``: that
    all operands have a finite value everywhere. ``view_copied`` says that some view has cells of its own, so that
    writing into it would not reach the tensor that it is a view of. ``operand`` is the node's first tensor, ``results``
    are what it makes, without numbers. ``needs`` are conditions under which alone the node has a value, beside those of
    its operator. ``constants`` are the floats that were read as other numbers. ``decided`` are the conditions of masks
    that the trace decided, ``narrow`` says where results are in a narrower dtype, ``way`` how all is read.
    """

    def __init__(self, capture: Capture, data: Sequence[sympy.Symbol], *, way: WayOfReading) -> None:
        self.data = tuple(data)
        self.notes: dict[str, None] = {}
        self.guards: dict[Boolean, None] = {}
        self._leaves: list[Cells] = []
        self.constants: dict[tuple[float, str], Recognised] = {}
        self.conventions: dict[sympy.Basic, str] = {}
        self.decided: list[Boolean] = []
        self.place = SourcePlace()
        self.view_copied = self.certain = False
        self.shape: tuple[tuple[int, ...], int | None] = ((), None)
        self.dtype: torch.dtype | None = None
        self.operand, self.results = torch.empty(0, dtype=torch.float64, device="cpu"), cast(Any, ())
        self._capture, self.way = capture, way
        self._floats = floats_of(capture.graph)
        self.domains, self.narrow = NodeDomains(), NarrowResults()
        self._given: Sequence[Any] = ()  # the operands of the node, as they were before it wrote into one
        self._known, self._certainty = Known(), Certainty(map(operator_of, capture.graph.graph.nodes))

    def run(self, inputs: Mapping[str, Grid]) -> tuple[sympy.Expr, tuple[Grid | None, ...]]:
        """The output and the gradients of the graph for these inputs; what they need is kept beside."""
        given = iter(inputs.values())
        self._leaves = [grid.cells for name, grid in inputs.items() if name in self._capture.wrt]
        values: dict[Node, Any] = {}
        masks = next(node.args[0][2] for node in reversed(self._capture.graph.graph.nodes))
        for node in self._capture.graph.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(given)
            elif node.op == "output":
                output, gradients, _ = torch.fx.node.map_arg(node.args[0], values.__getitem__)
                self.domains.end(*node.args[0][:2])
                return as_number(output.cells[()]), tuple(gradients)
            else:
                values[node] = self._value(node, values)
                self.decided += self.condition(values[node]).cells.flat if node in masks else ()
                if self._certainty.tests:
                    operands = self._given if is_in_place(node) else self._arguments(node.args, values)
                    self._certainty.note(node, operator_of(node), is_in_place(node), values[node], operands)
        raise AssertionError("a graph ends in its output")

    # ----------------------------------------------------------------------------------- what operators ask for
    def grid(self, value: Any) -> Grid:
        """An operand as an array."""
        return value if isinstance(value, Grid) else scalar(sympy.sympify(value))

    def number(self, value: Any) -> Grid:
        """An operand as an array of numbers."""
        grid = self.grid(value)
        return each(as_number, grid) if any(map(is_truth, grid.cells.flat)) else grid

    def condition(self, value: Any) -> Grid:
        """An operand as an array of truth values."""
        return each(as_condition, self.grid(value))

    def over_samples(self, summand: sympy.Expr) -> sympy.Expr:
        """The formal sum over the samples."""
        return batch_sum(summand, self.data)

    def count(self, grid: Grid, axes: Sequence[int]) -> sympy.Expr:
        """The number of elements along some axes."""
        size = sympy.Integer(math.prod(grid.cells.shape[axis] for axis in axes))
        return size * SAMPLES if grid.axis in axes else size

    def reduced(self, grid: Grid, reduction: int) -> Grid:
        """By torch's number of a reduction: 0 none, 1 mean, 2 sum."""
        return grid if reduction == 0 else (reductions.mean, reductions.total)[reduction - 1](self, grid)

    def note(self, text: str) -> None:
        """Something that the reader should know."""
        self.notes[text] = None

    def require(self, condition: Boolean) -> None:
        """Something that must hold of the number of samples."""
        self.guards[condition] = None

    def need(self, *conditions: Boolean) -> None:
        """What must hold for the node at hand to have a value."""
        self.needs.update(conditions)

    def convention(self, condition: Any, text: str) -> Any:
        """Records that torch departs from mathematics where the condition holds; where it is read as doing so."""
        if condition not in (True, False) and not self.way.as_meant:
            self.conventions.setdefault(condition, text)
        return sympy.false if self.way.as_meant else condition

    # ----------------------------------------------------------------------------------------------- the nodes
    def _value(self, node: Node, values: Mapping[Node, Any]) -> Any:
        meta = node.meta.get("val")
        if only_checks(node):
            return None
        if node.op == "get_attr":
            return self._constant(getattr(self._capture.graph, str(node.target)))
        if not isinstance(meta, (torch.Tensor, list, tuple)):
            size = in_samples(meta, self._capture.size, self._exact)
            # that is plain arithmetic in N, without a branch
            if any(type(x).__module__.startswith("torch") or is_truth(x) for x in sympy.preorder_traversal(size)):
                raise MixesSamples(f"{name_of(node)} of the number of samples at {self._capture.places[node.name]}")
            return size
        self.place = self._capture.places[node.name]
        args, kwargs = self._arguments((node.args, node.kwargs), values)
        if node.target is operator.getitem:
            self.domains.pass_on(node.args[0], node)
            return args[0][args[1]]
        try:
            self.results = meta
            self.shape = self._shape_of(meta) if isinstance(meta, torch.Tensor) else ((), None)
            self.dtype = meta.dtype if isinstance(meta, torch.Tensor) else None
            self.certain = self._certainty.of(node.all_input_nodes)
            self.operand = next((one for one in metas_of(node) if isinstance(one, torch.Tensor)), self.operand)
            operands = [one for one in tree_leaves((args, kwargs)) if isinstance(one, (Grid, sympy.Expr))]
            for operand in operands:  # constants from elsewhere, and numbers in the source
                self._known.check(self.grid(operand))
            known = operator_of(node)
            if known is None or known.reader is None:
                raise NotImplementedError(advice(node.target, name_of(node)))
            self.needs: set[Boolean] = set()
            held, self._given = self.narrow.held(node, values), as_given(node, args)
            value = self._read(node, known, args, kwargs, meta)
            self.domains.keep(node, known, is_in_place(node), self._given, self.condition)
            self.domains.add(node, known.name, self.needs)
            self._check(value, meta)
            self.narrow.note(held, self.place.line, value, meta)
        except Mixes:
            raise MixesSamples(f"{name_of(node)} at {self.place}") from None
        except NotImplementedError as error:
            kind = NoValue if isinstance(error, NotANumber) else UsageError
            raise kind(f"{name_of(node)} at {self.place} cannot be read: {error}") from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"its formula is not known for these arguments ({type(error).__name__}: {error})"
            raise UsageError(f"{name_of(node)} at {self.place} cannot be read: {reason:.200}") from error
        return value

    def _read(self, node: Node, known: Operator, args: Any, kwargs: Any, meta: Any) -> Any:
        read = known.reader
        assert read is not None, "what has no reader is refused before"
        check_arguments(node.target, read, args, kwargs)
        if not is_in_place(node):
            return self._conformed(read(self, *args, **kwargs), meta)
        if name_of(node) in RESHAPES:
            return read(self, *args, **kwargs)
        if self.view_copied:
            raise NotImplementedError("it may write into a view that was not followed: write it without in-place")
        target = args[0]
        if any(np.may_share_memory(target.cells, leaf) for leaf in self._leaves):
            raise NotImplementedError("an argument is modified in place: work on a copy of it, as in x = x + 1")
        if known.name in ("clamp", "clamp_min") and is_unseen(self, target, kwargs.get("min", (*args, None)[1])):
            return target
        changed = self._conformed(read(self, *args, **kwargs), meta)
        if changed.axis is not None and target.axis is None:
            raise Mixes
        target.cells[...] = changed.cells
        return target

    def _conformed(self, value: Any, meta: Any) -> Any:
        """A result with cells that its dtype can hold, all of them real."""
        if value is None or isinstance(value, tuple):  # None: a result that is not requested
            return value and tuple(map(self._conformed, value, meta))
        self._known.check(value)
        return value if meta is None else conformed(value, meta.dtype)

    def _arguments(self, argument: Any, values: Mapping[Node, Any]) -> Any:
        """Arguments of a node, with values for nodes and exact numbers for floats and sizes."""

        def value(part: Any) -> Any:
            return values[part] if isinstance(part, Node) else self._exact(part) if isinstance(part, float) else part

        return torch.fx.node.map_aggregate(argument, value)

    def _exact(self, value: float, dtype: str = "float64") -> sympy.Expr:
        """The number that a float of the program stands for, or is."""
        if self.way.exact:
            return itself(value)
        found = recognised(value, dtype)
        if found is None and dtype == "float64" and itself(value).is_Rational and itself(value).q > LONG:
            found = derived(value, self._floats)
        if found is None:
            return itself(value)
        self.note(found.note)
        self.constants[value, dtype] = found
        return found.number

    def _constant(self, tensor: torch.Tensor) -> Grid:
        """A tensor that the function has from elsewhere."""
        values = as_real(tensor).detach()
        read = partial(self._exact, dtype=dtype_name(values.dtype)) if values.is_floating_point() else sympy.sympify
        return Grid(cells_of(map(read, values.flatten().tolist()), values.shape))

    def _shape_of(self, tensor: torch.Tensor) -> tuple[tuple[int, ...], int | None]:
        sizes = [in_samples(size, self._capture.size) for size in real_shape(tensor)]
        axes = [axis for axis, size in enumerate(sizes) if not size.is_Integer]
        if len(axes) > 1 or any(sizes[axis] != SAMPLES for axis in axes):
            raise Mixes
        return tuple(1 if axis in axes else int(size) for axis, size in enumerate(sizes)), axes[0] if axes else None

    def _check(self, value: Any, meta: Any) -> None:
        """That a result has the shape that torch says it has."""
        for part, tensor in zip(value, meta, strict=True) if isinstance(value, tuple) else [(value, meta)]:
            if tensor is not None and (part.cells.shape, part.axis) != self._shape_of(tensor):
                raise Mixes
