"""Gradients of functions of tensors, against a certified truth: :func:`~diffexplore.gradcheck`."""
