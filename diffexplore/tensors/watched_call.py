"""What one watched call of a function of tensors gave."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from diffexplore.tensors.numbers import TensorNumbers


@dataclass(frozen=True, eq=False)
class WatchedCall:
    """One watched call.

    Attributes:
        outputs: those that can be differentiated, by name.
        gradients: by output and upstream gradient, the gradient by each input that is differentiated by; the text of
            an exception where the backward pass raises one.
        hidden: by what its operations escape the watch; empty where all were seen.
        narrowed: dtypes narrower than expected in which it computes.
        narrowed_forward: dtypes narrower than those of the inputs in which the forward pass computes.
        operations: the names of the operations that were seen.
        converted_to: the dtypes of floats to which it converts numbers of others.
        as_written: where compiled code runs in it, which cannot be watched: the call in which the Python ran that was
            compiled; None elsewhere.
    """

    outputs: dict[str, TensorNumbers]
    gradients: dict[tuple[str, int], list[TensorNumbers] | str]
    hidden: tuple[str, ...]
    narrowed: tuple[str, ...]
    narrowed_forward: frozenset[torch.dtype]
    operations: frozenset[str]
    converted_to: frozenset[torch.dtype] = frozenset()
    as_written: WatchedCall | None = None

    def without_bounds(self, hidden: tuple[str, ...]) -> WatchedCall:
        """The same call, of which nothing is known since ``hidden`` escaped the watch."""
        return replace(
            self,
            hidden=hidden,
            outputs={name: one.unbounded for name, one in self.outputs.items()},
            gradients={
                key: several if isinstance(several, str) else [one.unbounded for one in several]
                for key, several in self.gradients.items()
            },
        )
