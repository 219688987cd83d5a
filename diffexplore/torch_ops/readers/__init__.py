"""Readers of ATen operators, in tables by kind; :mod:`~diffexplore.torch_ops.readers.table` joins them."""
