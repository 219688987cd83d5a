"""What operators compute on tensors of balls, and how cotangents pass back through them: one rule an operator.

A rule is what ChainRules calls an rrule: it takes the operands' balls and returns the results' balls with a pullback.
None of torch's derivative formulas is used.
"""
