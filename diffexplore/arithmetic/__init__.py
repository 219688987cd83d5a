"""The arithmetics in which a program can be run: torch tensors, NumPy arrays, complex tensors, Arb balls,
and vectors of double-double balls.
"""
