"""What a command writes of its result, and where: files in several formats, and one text on standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from diffexplore.cli.formats.record import Format, Target
from diffexplore.cli.output import STDOUT, check_places, console_on, emit, write
from diffexplore.cli.shown import Shown
from diffexplore.errors import UsageError


@dataclass(frozen=True)
class Outputs:
    """The output options of a command.

    Attributes:
        command: whose result is written.
        places: each format that is written, the option that requested it, and the file, or ``-`` for standard output.
        quiet: print the first line only.
        no_color: print without colours.
        ascii: print ASCII only.
        github: print a line for each problem, as GitHub shows it beside the code.
        others: what else takes standard output or a file, by the option that says so.
    """

    command: str
    places: tuple[tuple[Format, str, str], ...] = ()
    quiet: bool = False
    no_color: bool = False
    ascii: bool = False
    github: bool = False
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def machine_reads_stdout(self) -> bool:
        """Whether standard output is for a program, and so holds nothing for people."""
        return STDOUT in (*(place for _, _, place in self.places), *self.others.values())

    def beside(self, **others: str | Path | None) -> Outputs:
        """The same with what else the command writes, by its option; raises as :meth:`check`."""
        given = {option.replace("_", " "): str(place) for option, place in others.items() if place is not None}
        found = replace(self, others={**self.others, **given})
        found.check()
        return found

    def check(self) -> None:
        """Raises UsageError for what cannot be written, before the long work begins."""
        for format, option, place in self.places:
            if place == STDOUT and not format.to_stdout:
                raise UsageError(f"{option} takes the name of a file: standard output is for text")
        given = [(option, place) for _, option, place in self.places]
        check_places([*((f"--{option}", place) for option, place in self.others.items()), *given])
        for format, _, place in self.places:
            format.check(self._target(place))

    def write(self, shown: Shown) -> None:
        """All files, each whole or absent; standard output in one format, or the page for people."""
        made = [(place, format.make(shown, self._target(place))) for format, _, place in self.places]
        for place, content in made:
            if place == STDOUT:
                assert isinstance(content, str), "only formats of text take standard output"
                emit(content, "xmlcharrefreplace")
            else:
                write(Path(place), content if isinstance(content, bytes) else content.rstrip("\n") + "\n")
        if not self.machine_reads_stdout:
            console = console_on(sys.stdout, no_color=self.no_color)
            console.print(shown.printed(self.ascii or None, briefly=self.quiet))
        if self.github:
            self._annotate(shown)

    def _target(self, place: str) -> Target:
        portable = place == STDOUT and not (sys.stdout.encoding or "ascii").lower().startswith("utf")
        return Target(self.command, place, portable)

    def _annotate(self, shown: Shown) -> None:
        """Beside the page for people; on standard error where standard output is for a program."""
        from diffexplore.render.problems import to_annotation

        stream = sys.stderr if self.machine_reads_stdout else sys.stdout
        for problem in shown.problems():
            print(to_annotation(problem), file=stream)
