"""How the help is divided: which commands stand together, and examples of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Where the commands stand in the list of all.
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "Check a gradient": ("report", "verify", "prove", "bench", "audit"),
    "Look at a loss": ("derive", "fit", "graph", "list"),
}

_EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "report": (
        "diffexplore report",
        'diffexplore report "exp(-k*t)" --at k=0.5 --samples 1000 --dtype float32',
        'diffexplore report "(a*x + b - y)**2" --at a=2,b=1 --data points.csv --full',
    ),
    "derive": (
        'diffexplore derive "log(1 + exp(-y*(a*x + b)))" --wrt a,b',
        "diffexplore derive perpendicular --wrt a --steps",
    ),
    "verify": (
        "diffexplore verify mine.py:loss --loss perpendicular",
        "diffexplore verify mine.py:grad --kind gradient --loss perpendicular --at a=2.5,b=1 --only-failing",
    ),
    "prove": ("diffexplore prove mine.py:loss --wrt a,b", "diffexplore prove mine.py:loss --loss perpendicular"),
    "fit": ("diffexplore fit", "diffexplore fit squared_error --lr 0.1 --steps 100 --dtype float64"),
    "bench": (
        "diffexplore bench",
        "diffexplore bench squared_error huber --sizes 1e3,1e5 --methods symbolic,reverse,torch_compile",
        "diffexplore bench --scale",
    ),
    "audit": ("diffexplore audit --only tanh",),
    "graph": ('diffexplore graph "exp(-a*x)*b" --at a=1.3,b=0.7', "diffexplore graph perpendicular --svg graph.svg"),
    "list": ("diffexplore list", "diffexplore list perpendicular", "diffexplore list functions"),
}


def arrange(group: Any) -> Any:
    """The same commands, divided and with examples; ``group`` is what typer makes of the application."""
    for name, command in group.commands.items():
        command.rich_help_panel = next(panel for panel, names in _COMMANDS.items() if name in names)
        # An empty line between them is what keeps each on a line of its own.
        command.epilog = "\n\n".join(("Examples:", *(f"$ {example}" for example in _EXAMPLES[name])))
    return group
