"""How the help is divided: which options stand together, and an example of each command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The options of each panel, in the order in which the panels are named here; others stay among the plain options.
_PANELS: Mapping[str, tuple[str, ...]] = {
    "Point and data": (
        "at", "data", "columns", "points", "samples", "sample", "seed", "wrt", "shapes", "reduction", "domain",
        "upstream", "inputs", "pack", "kind", "loss",
    ),
    "How it is computed": (
        "methods", "dtype", "device", "step", "modes", "accept", "lr", "steps", "optimizer", "hessian", "scan",
        "axes", "sizes",
    ),
    "Output": (
        "full", "only_failing", "quiet", "rows", "output", "json", "markdown", "html", "figure", "svg", "dot",
        "format", "sarif", "github", "replay", "all_entries", "only", "devices", "no_color", "ascii", "debug",
    ),
}  # fmt: skip

#: Where the commands stand in the list of all.
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "Check a gradient": ("report", "verify", "prove", "bench", "audit"),
    "Look at a loss": ("derive", "fit", "explore", "graph", "list"),
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
    ),
    "audit": ("diffexplore audit --only tanh",),
    "graph": ('diffexplore graph "exp(-a*x)*b" --at a=1.3,b=0.7', "diffexplore graph perpendicular --svg graph.svg"),
    "list": ("diffexplore list", "diffexplore list perpendicular", "diffexplore list functions"),
}


def arrange(group: Any) -> Any:
    """The same commands, divided and with examples; ``group`` is what typer makes of the application."""
    for name, command in group.commands.items():
        command.rich_help_panel = _panel_of(name, _COMMANDS)
        command.epilog = _epilog(_EXAMPLES.get(name, ()))
        for parameter in command.params:
            if parameter.param_type_name == "option":
                parameter.rich_help_panel = _panel_of(parameter.name, _PANELS)
    return group


def _panel_of(name: str, panels: Mapping[str, tuple[str, ...]]) -> str | None:
    return next((panel for panel, names in panels.items() if name in names), None)


def _epilog(examples: tuple[str, ...]) -> str | None:
    """An empty line between them is what keeps each on a line of its own."""
    return "\n\n".join(("Examples:", *(f"$ {example}" for example in examples))) if examples else None
