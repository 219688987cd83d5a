"""Running error analysis: how far a computed value may be from the exact one, derived while it is computed.

Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, §3.3 (running error bounds).
"""
