"""What operations cost SymPy, but for functions, of which their records say it (``diffexplore/functions/building.py``).

One unit of work is about half a microsecond.
"""

from __future__ import annotations

NODE = 50
"""Work of each part of the text: it is read three times, and written as a program."""

OPERAND = 50
"""Work of an operand of a sum or product: SymPy collects what is alike."""

ALONE = 1000
"""Work of a function or a power of what is simple."""

COMPARISON = 1500
"""Work of a comparison: SymPy asks for the sign of the difference."""

PAIR = 100
"""Work of a node in each pair of the arguments of max and min."""

FRACTION = 25
"""Work of a node of a fraction, where SymPy asks for the sign of a sum of fractions."""

BITS = 1_000_000
"""The numbers of a sum or product, multiplied, take the square of their bits divided by this."""

POWER = WHOLE_POWER = 6
"""Of a power of a sum SymPy asks whether each term is finite, and so of the powers in it."""

CONSTANT = 20
"""Least weight of what has no symbol: SymPy takes its value, that of all that is in it, again at each level."""

PARTS_OF_DIVISORS = 3

PART = 100
"""Work of a node of the parts, where SymPy asks for them."""

PART_COMPARED = 5 * PART
"""The same in a comparison, whose difference has both signs tried."""

#: SymPy takes real and imaginary parts of what it does not know to be real.
COPIES_OF_EXPONENTS = 2

#: SymPy asks for the imaginary part of the argument of a step: each function within it makes that twice as long.
COPIES_OF_STEPS = 4

#: The same of a root whose operand is a power, or a quotient, in which there is something that is not known to be real.
COPIES_OF_POWERS = 8
COPIES_OF_QUOTIENTS = 4

#: Of a function of an inverse function, which SymPy writes as roots and fractions.
COPIES_OF_INVERSES = 2
