"""What the elementwise operators compute: tables from their names to formulas, written by hand from torch's reference.

The formulas are in the same notation as the rules (see :mod:`~diffexplore.auditing.expressions`), in the names of the
operator's arguments. The tests hold every one against the operator itself at random points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from diffexplore.auditing.forward_backward import BACKWARD
from diffexplore.auditing.forward_case import Case, at
from diffexplore.auditing.forward_settings import WITH_SETTINGS


def _rows(table: str) -> Iterator[tuple[str, tuple[Case, ...]]]:
    """``name | formula | condition; condition`` in each line."""
    for line in filter(None, map(str.strip, table.splitlines())):
        name, formula, *domain = (cell.strip() for cell in line.split("|"))
        yield name, (at(formula, on=tuple(part.strip() for part in "".join(domain).split(";") if part.strip())),)


_ONE_ARGUMENT = """
abs              | abs(self)
acos             | acos(self)                                            | self > -1; self < 1
acosh            | acosh(self)                                           | self > 1
angle            | self < 0 ? M_PI : 0
asin             | asin(self)                                            | self > -1; self < 1
asinh            | asinh(self)
atan             | atan(self)
atanh            | atanh(self)                                           | self > -1; self < 1
ceil             | ceil(self)
clone            | self
_lazy_clone      | self
cos              | cos(self)
cosh             | cosh(self)
deg2rad          | self * M_PI / 180.
digamma          | digamma(self)                                         | self > 0
erf              | erf(self)
erfc             | erfc(self)
special_erfcx    | exp(self * self) * erfc(self)
erfinv           | erfinv(self)                                          | self > -1; self < 1
exp              | exp(self)
exp2             | exp2(self)
expm1            | expm1(self)
floor            | floor(self)
frac             | self - trunc(self)
hardsigmoid      | min(max(self + 3, 0), 6) / 6.
hardswish        | self * min(max(self + 3, 0), 6) / 6.
i0               | i0(self)
special_i0e      | exp(-abs(self)) * i0(self)
lgamma           | lgamma(self)                                          | self > 0
log              | log(self)                                             | self > 0
log10            | log10(self)                                           | self > 0
log1p            | log(1 + self)                                         | self > -1
log2             | log2(self)                                            | self > 0
mish             | self * tanh(log(1 + exp(self)))
nan_to_num       | self
neg              | -self
polygamma        | polygamma(n, self)                                    | self > 0; n >= 0
rad2deg          | self * 180. / M_PI
reciprocal       | 1 / self
round            | round(self)
round.decimals   | round(self * pow(10, decimals)) / pow(10, decimals)
rsqrt            | 1 / sqrt(self)                                        | self > 0
sgn              | sgn(self)
sigmoid          | sigmoid(self)
sign             | sgn(self)
silu             | self * sigmoid(self)
sin              | sin(self)
sinc             | self == 0. ? 1 : sin(M_PI * self) / (M_PI * self)
sinh             | sinh(self)
special_entr     | -self * log(self)                                     | self > 0
special_ndtri    | sqrt(2) * erfinv(2 * self - 1)                        | self > 0; self < 1
special_log_ndtr | log(erfc(-self / sqrt(2)) / 2.)
sqrt             | sqrt(self)                                            | self > 0
tan              | tan(self)
tanh             | tanh(self)
trunc            | trunc(self)
zero_            | 0
"""

_SEVERAL_ARGUMENTS = """
add              | self + alpha * other
addcdiv          | self + value * tensor1 / tensor2
addcmul          | self + value * tensor1 * tensor2
atan2            | atan2(self, other)
clamp_max        | min(self, max)
clamp_min        | max(self, min)
copysign         | abs(self) * sgn(other)
eq_              | self == other ? 1 : 0
fill             | value
fmax             | max(self, other)
fmin             | min(self, other)
fmod             | self - other * trunc(self / other)
ge_              | self >= other ? 1 : 0
gt_              | self > other ? 1 : 0
hypot            | sqrt(self * self + other * other)
igamma           | igamma(self, other)                                   | self > 0; other > 0
igammac          | 1 - igamma(self, other)                               | self > 0; other > 0
ldexp            | self * pow(2, other)
le_              | self <= other ? 1 : 0
lerp             | self + weight * (end - self)
logaddexp        | log(exp(self) + exp(other))
logaddexp2       | log2(exp2(self) + exp2(other))
lt_              | self < other ? 1 : 0
masked_fill      | mask ? value : self
maximum          | max(self, other)
minimum          | min(self, other)
mul              | self * other
ne_              | self != other ? 1 : 0
_prelu_kernel    | self > 0 ? self : weight * self
remainder        | self - other * floor(self / other)
rsub             | other - alpha * self
special_xlog1py  | self * log(1 + other)                                 | other > -1
special_zeta     | special_zeta(self, other)                             | self > 1; other > 0
sub              | self - alpha * other
threshold        | self <= threshold ? value : self
where            | condition ? self : other
xlogy            | self * log(other)                                     | other > 0
_foreach_maximum | max(self, scalar)
_foreach_minimum | min(self, scalar)
_foreach_maximum.ScalarList | max(self, scalars)
_foreach_minimum.ScalarList | min(self, scalars)
"""

FORWARDS: Mapping[str, tuple[Case, ...]] = {
    **dict(_rows(_ONE_ARGUMENT)),
    **dict(_rows(_SEVERAL_ARGUMENTS)),
    **WITH_SETTINGS,
    **BACKWARD,
}
"""Name of an operator, with or without its overload, → what it computes, in one case or in several."""
