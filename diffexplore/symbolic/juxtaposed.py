"""Products without their sign, ``2x``, ``a x``, ``2(x + 1)`` or ``2|x|``, written with it: a correction to be pasted.

Formulas are not read so: ``a(x)`` may be a function, and ``ax`` is a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from diffexplore.symbolic.functions import FUNCTIONS
from diffexplore.symbolic.names import WORDS

#: A name of so few letters before a parenthesis is rather a symbol to be multiplied.
SHORT = 2

_TOKEN = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[^\W\d]\w*|\s+|.", re.DOTALL)


def with_bars(text: str) -> str:
    """The text with the bars that are left in it as abs(…), each second one closing."""
    pieces = text.split("|")
    if len(pieces) % 2 == 0:
        return text
    return "".join(f"abs({piece})" if place % 2 else piece for place, piece in enumerate(pieces))


def multiplied(text: str, symbols: Collection[str] = ()) -> str:
    """The text with ``*`` between values that stand side by side; the same text where there are none.

    ``symbols`` are names that are declared, and multiply a parenthesis.
    """
    parts: list[str] = []
    before, space = "", ""
    for token in _TOKEN.findall(text):
        if token.isspace():
            space = token
            continue
        if _is_argument(before, token):
            parts.append(f"({token})")
            before, space = ")", ""
            continue
        if before and _ends_value(before) and _begins_value(token) and not _is_call(before, token, symbols):
            if _is_number(before) and _is_number(token):
                return text  # 1.5.2 and 1 000 are no products
            parts.append("*")
        else:
            parts.append(space)
        parts.append(token)
        before, space = token, ""
    return "".join(parts)


def _is_argument(name: str, token: str) -> bool:
    """Whether a function stands before its argument without parentheses, as in ``sin x``."""
    takes_one = name in FUNCTIONS and FUNCTIONS[name].accepts(1)
    return takes_one and (_is_number(token) or (_is_name(token) and token not in FUNCTIONS and token not in WORDS))


def _ends_value(token: str) -> bool:
    return token == ")" or _is_number(token) or (_is_name(token) and token not in WORDS)


def _begins_value(token: str) -> bool:
    return token == "(" or _is_number(token) or (_is_name(token) and token not in WORDS)


def _is_call(name: str, token: str, symbols: Collection[str]) -> bool:
    """Whether a name before a parenthesis is a function, a known or a mistyped one."""
    if token != "(" or not _is_name(name):
        return False
    return name in FUNCTIONS or (len(name) > SHORT and name not in symbols)


def _is_name(token: str) -> bool:
    return token.isidentifier()


def _is_number(token: str) -> bool:
    return token[0].isdigit() or (token[0] == "." and len(token) > 1)
