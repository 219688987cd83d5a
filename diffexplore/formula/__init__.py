"""From formula text to closed-form derivatives: parsing, differentiation, simplification, printing.

This package imports SymPy only where it computes with it; the names that a formula may use are known without.
"""
