"""Proofs about torch programs: what their backward pass computes is the derivative, for every input."""
