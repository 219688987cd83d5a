"""Which operation of a program computes which class of SymPy."""

from __future__ import annotations

import sympy
from sympy.codegen import cfunctions

from diffexplore.formula.functions_sympy import sigmoid, softplus
from diffexplore.formula.step_functions import STEPS

#: SymPy classes of one argument (or of two, for atan2) that are one operation.
FUNCTIONS: dict[type, str] = {
    sympy.exp: "exp", sympy.log: "log", sympy.sin: "sin", sympy.cos: "cos", sympy.tan: "tan",
    sympy.asin: "asin", sympy.acos: "acos", sympy.atan: "atan", sympy.atan2: "atan2",
    sympy.sinh: "sinh", sympy.cosh: "cosh", sympy.tanh: "tanh",
    sympy.asinh: "asinh", sympy.acosh: "acosh", sympy.atanh: "atanh",
    sympy.erf: "erf", sympy.erfc: "erfc", sympy.erfinv: "erfinv",
    sympy.gamma: "gamma", sympy.loggamma: "lgamma",
    sympy.Abs: "abs", sympy.sign: "sign", sympy.sinc: "sinc",
    cfunctions.log1p: "log1p", cfunctions.expm1: "expm1",
    sigmoid: "sigmoid", softplus: "softplus", **STEPS,
}  # fmt: skip

#: Functions that are the reciprocal of an operation.
RECIPROCALS: dict[type, str] = {
    sympy.cot: "tan", sympy.sec: "cos", sympy.csc: "sin", sympy.coth: "tanh", sympy.sech: "cosh", sympy.csch: "sinh",
}  # fmt: skip

RELATIONS: dict[type, str] = {
    sympy.StrictLessThan: "lt", sympy.LessThan: "le", sympy.StrictGreaterThan: "gt", sympy.GreaterThan: "ge",
    sympy.Equality: "eq", sympy.Unequality: "ne",
}  # fmt: skip
