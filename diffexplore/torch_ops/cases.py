"""What an operator computes, perhaps with some of its arguments fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """An operator, perhaps with some of its arguments fixed.

    Attributes:
        formulas: one for each differentiable output; without one, the operator is called by its name, which formulas of
            the audit know, with ``self``, or ``self`` and ``other``.
        domain: conditions on the arguments, outside of which nothing is stated.
        settings: arguments that are not numbers, such as ``approximate``, or numbers that are fixed.
        saved: further results that rules use, as formulas.
        conventions: condition → why torch departs there from the derivative on purpose.
        signed: whether ``result`` has the sign of ``self``, because the operator increases strictly and is 0 at 0.
        overload: the overload that it is of; empty where it is of all that have no case of their own.
    """

    formulas: tuple[str, ...]
    domain: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    saved: Mapping[str, str] = field(default_factory=dict)
    conventions: Mapping[str, str] = field(default_factory=dict)
    signed: bool = False
    overload: str = ""

    @property
    def label(self) -> str:
        """The settings in words, empty where there are none."""
        return ", ".join(
            f"{name} = {value}" if value is not None else f"no {name}"
            for name, value in self.settings.items()
            if name not in ("reduction", "decimals")
        )


def case(
    *formulas: str,
    on: tuple[str, ...] = (),
    saved: Mapping[str, str] | None = None,
    conventions: Mapping[str, str] | None = None,
    signed: bool = False,
    overload: str = "",
    **settings: Any,
) -> Case:
    """A :class:`Case`, written shortly."""
    return Case(formulas, on, settings, saved or {}, conventions or {}, signed, overload)
