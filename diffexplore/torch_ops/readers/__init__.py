"""Readers of ATen operators by kind, which the records of the operators name."""
