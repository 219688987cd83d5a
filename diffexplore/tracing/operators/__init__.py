"""Readers of ATen operators, in tables by kind; :mod:`~diffexplore.tracing.operators.table` joins them."""
