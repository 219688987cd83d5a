"""SymPy's gradient as derived, before simplification."""

from diffexplore.methods._closed_form import ClosedFormMethod

METHOD = ClosedFormMethod(lambda problem: problem.raw_gradient_program, exact=True)
