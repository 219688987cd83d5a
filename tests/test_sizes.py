"""No file grows over what is read at once: one concept a file."""

from __future__ import annotations

from pathlib import Path

import diffexplore

PACKAGE, TESTS = Path(diffexplore.__file__).parent, Path(__file__).parent

MOST, MOST_OF_A_TABLE, MOST_OF_TESTS = 250, 400, 400

#: Tables of records, which are looked up and not read from end to end.
TABLES = frozenset({"functions/bessel.py", "functions/incomplete.py"})


def lines_in(folder: Path) -> dict[str, int]:
    """The lines of each file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8").count("\n")
        for path in folder.rglob("*.py")
    }


def allowed(name: str) -> int:
    return MOST_OF_A_TABLE if name in TABLES else MOST


def test_no_file_of_the_package_is_too_long() -> None:
    found = lines_in(PACKAGE)
    assert len(found) > 500
    assert {name: count for name, count in found.items() if count > allowed(name)} == {}


def test_a_table_is_named_for_what_it_has_over_other_files() -> None:
    found = lines_in(PACKAGE)
    assert [name for name in TABLES if found[name] <= MOST] == []


def test_no_file_of_tests_is_too_long() -> None:
    found = lines_in(TESTS)
    assert len(found) > 100
    assert {name: count for name, count in found.items() if count > MOST_OF_TESTS} == {}
