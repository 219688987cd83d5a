"""Problems as a SARIF log (OASIS, Static Analysis Results Interchange Format 2.1.0, 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from diffexplore import __version__
from diffexplore.render.problems import CodePlace, CodeProblem

VERSION = "2.1.0"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(problems: Sequence[CodeProblem]) -> dict[str, Any]:
    """The log: one run, a rule for each cause, and a result for each problem; none where nothing is wrong.

    What could not be decided is of the kind "open", which has no level (sections 3.27.9 and 3.27.10).
    """
    rules = list(dict.fromkeys(problem.rule for problem in problems))
    described = [{"id": rule, "shortDescription": {"text": rule.replace("_", " ")}} for rule in rules]
    versions = {"version": __version__, "semanticVersion": __version__}
    tool = {"driver": {"name": "diffexplore", **versions, "rules": described}}
    results = [_result(problem, rules.index(problem.rule)) for problem in problems]
    run = {"tool": tool, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": VERSION, "runs": [run]}


def _result(problem: CodeProblem, rule: int) -> dict[str, Any]:
    decided = problem.level == "error"
    found: dict[str, Any] = {
        "ruleId": problem.rule, "ruleIndex": rule, "kind": "fail" if decided else "open",
        "level": "error" if decided else "none", "message": {"text": problem.message},
    }  # fmt: skip
    return found if problem.place is None else found | {"locations": [_location(problem.place)]}


def _location(place: CodePlace) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(place.path)}, "region": {"startLine": place.line}}}


def _uri(path: str) -> str:
    """A reference relative to the working folder where the file is in it, which GitHub takes for the repository's."""
    here, file = Path.cwd(), Path(path)
    if file.is_absolute() and not file.is_relative_to(here):
        return file.as_uri()
    relative = file.relative_to(here) if file.is_absolute() else PurePath(path)
    return quote(relative.as_posix())
