"""Second derivatives that are those of the backward pass as it is written, and not those of the forward pass.

Autograd differentiates a backward pass with what the forward computed and saved as a constant; of one without a graph
it gives nothing.
"""

from __future__ import annotations

import torch

from diffexplore.checking.records import Cause
from diffexplore.tensors.candidate import TensorCandidate
from diffexplore.tensors.diagnosis.recording import recorded_sweep
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.torch_private.watching import storage_key, tree_leaves
from diffexplore.tracing.backward import function_name, written_by_hand

Tensor = torch.Tensor

_MEND = "save inputs and outputs only, and compute the rest again in the backward"


def of_backward(candidate: TensorCandidate, output: str, upstream: Tensor, scene: GradientScene) -> Cause | None:
    """Why a derivative of the gradient ``output`` is wrong, if it is that of the backward as written.

    ``candidate`` is a function that returns gradients.
    """
    call = candidate.replaced()
    found = {one.name: one.tensor for one in call.outputs()}
    node = found[output].grad_fn
    if node is not None and function_name(node) == "_Constant":
        message = f"the {output} has no graph: is it computed under no_grad, from detached tensors or .data?"
        return Cause("no_graph", message, {"certain": True})
    sweep = recorded_sweep(candidate, list(found).index(output), upstream)
    if sweep is None:
        return None
    written = sweep.truths[scene.source]
    if not scene.explains(written) or not scene.telling(written):
        return None
    saved = _computed_and_saved(candidate)
    what = " and ".join(saved) or "what it uses beside its upstream gradient"
    message = f"the backward takes {what} for {'constants' if len(saved) > 1 else 'a constant'}: {_MEND}"
    return Cause("saved_constant", message, {"saved": saved, "certain": True})


def _computed_and_saved(candidate: TensorCandidate) -> list[str]:
    """What the Functions of a forward saved that is neither an input of the call nor an output of theirs."""
    of = candidate.function.gradients_of
    assert of is not None
    call = candidate.replaced()
    returned = of.function.call(call.state, call.args[: of.arguments], call.kwargs)
    outputs = [leaf for leaf in tree_leaves(returned) if isinstance(leaf, Tensor)]
    known = {storage_key(tensor) for tensor in (*outputs, *(one.tensor for one in call.inputs))}
    found = []
    for output in outputs:
        for node in written_by_hand(output) if output.grad_fn is not None else ():
            for place, tensor in enumerate(node.saved_tensors):
                if isinstance(tensor, Tensor) and tensor.grad_fn is None and storage_key(tensor) not in known:
                    found.append(f"saved tensor {place + 1} of {function_name(node)}, of shape {list(tensor.shape)},")
    return list(dict.fromkeys(found))
