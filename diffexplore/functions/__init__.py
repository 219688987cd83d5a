"""The functions of the formula language and the operations of programs: one record each.

Importable without SymPy, PyTorch or NumPy. To add a function, add its record to the file of its family: the language,
every arithmetic, the bounds, the proofs, exported source and the tests read it there (see docs/adding-a-function.md).
"""

from __future__ import annotations

from diffexplore.functions import (
    bessel,
    bessel_oscillating,
    choices,
    circular,
    error_functions,
    exponentials,
    gamma_functions,
    hyperbolic,
    incomplete,
    powers,
)
from diffexplore.functions.records import Function, Operation

__all__ = ["ALL", "CONSTANTS", "FUNCTIONS", "OPERATIONS", "RESERVED", "TABLE", "Function", "Operation", "operation"]

ALL: tuple[Function, ...] = (
    *powers.FUNCTIONS,
    *exponentials.FUNCTIONS,
    *circular.FUNCTIONS,
    *hyperbolic.FUNCTIONS,
    *error_functions.FUNCTIONS,
    *gamma_functions.FUNCTIONS,
    *bessel.FUNCTIONS,
    *bessel_oscillating.FUNCTIONS,
    *incomplete.FUNCTIONS,
    *choices.FUNCTIONS,
    *choices.STEPS,
    *hyperbolic.LOGISTIC,
)

TABLE: tuple[Function, ...] = tuple(function for function in ALL if function.word)
"""The words of the language, in the order in which they are listed."""

FUNCTIONS: dict[str, Function] = {name: entry for entry in TABLE for name in (entry.name, *entry.aliases)}
"""By name and alias."""

OPERATIONS: dict[str, Operation] = {
    one.name: one for one in (*powers.ARITHMETIC, *(entry.computed for entry in ALL)) if isinstance(one, Operation)
}
"""The operations that compute a function, by name; what a comparison and a choice are, each arithmetic says itself."""

CONSTANTS: frozenset[str] = frozenset({"pi", "e", "E"})

RESERVED: frozenset[str] = frozenset(FUNCTIONS) | CONSTANTS
"""Names that cannot be symbols."""
