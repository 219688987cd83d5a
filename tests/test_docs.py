"""The documentation is complete and current; that its examples run is tested by sybil (see conftest.py)."""

from __future__ import annotations

import html
import re
import sys
import tomllib
import types
from pathlib import Path
from typing import Any

import doc_examples
import pytest
import torch

import diffexplore as dx
from diffexplore import losses, methods, tensors
from diffexplore.checking import judge
from diffexplore.documents import SCHEMA_VERSION
from diffexplore.verifying import diagnosis

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TEST_COMMAND = 'python -m pip install -c constraints.txt ".[test]" && python -m pytest'


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def keys_of_first_column(text: str) -> set[str]:
    """The words in code that open the rows of a page's tables."""
    cells = re.findall(r"^\| (`[^|]*) \|", text, flags=re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_documents_are_found() -> None:
    names = {path.name for path in doc_examples.DOCUMENTS}
    assert {"README.md", "tutorial.md", "contract.md", "extending.md", "schema.md", "api.md", "index.md"} <= names


#: The tables of the audit's page are held against the audit that test_audit.py makes.
_OF_THE_CODE = [path for path in doc_examples.DOCUMENTS if path.name != "audit.md"]


@pytest.mark.parametrize("path", _OF_THE_CODE, ids=lambda path: path.name)
def test_tables_made_from_the_code_are_current(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert doc_examples.with_tables(text) == text, "run python docs/refresh.py"


def test_every_public_name_is_in_the_reference() -> None:
    reference = page("api.md")
    missing = [name for name in dx.__all__ if name != "__version__" and f"dx.{name}" not in reference]
    assert missing == []


def test_every_cause_is_in_the_schema() -> None:
    source = Path(judge.__file__).read_text(encoding="utf-8")
    keys = set(re.findall(r'(?:Cause\(|: \()\s*"([a-z_]+)",', source))
    keys |= set(re.findall(r'^_[A-Z]+ = \("([a-z_]+)", ', source, re.M))
    assert {"exceeds_bound", "no_power", "kink", "step"} <= keys
    causes = page("schema.md").partition("### Causes\n")[2].partition("### Causes of a candidate")[0]
    assert keys_of_first_column(causes) == keys


def test_every_cause_of_a_diagnosis_is_in_the_schema() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(diagnosis.__file__).parent.glob("*.py")]
    keys = {key for source in sources for key in re.findall(r'(?:Cause|Hypothesis)\(\s*"([a-z_]+)",', source)}
    keys |= {key for source in sources for key in re.findall(r'(?:\(|return )"([a-z_]+)", f?"', source)}
    keys |= {key for source in sources for key in re.findall(r'key, message = "([a-z_]+)"', source)}
    keys -= {"gradient", "gradients", "coefficient"}  # words, and the name of a field
    assert {"factor", "cut_path", "missing_term", "precision", "unexplained"} <= keys
    table = page("schema.md").partition("### Causes of a candidate")[2].partition("### Causes of wrong")[0]
    named = {
        key
        for line in table.splitlines()
        for key in re.findall(r"`([a-z_]+)`", line.partition("|")[2].partition("|")[0])
    }
    assert named == keys - {"kink"}  # which is a cause of every report


def test_every_cause_of_tensors_is_in_the_schema() -> None:
    """Those of the diagnosis, and those of the battery: each is a literal in the sources, and the other way round."""
    folder = Path(tensors.__file__).parent
    paths = [*folder.glob("diagnosis/*.py"), *folder.glob("battery/*.py")]
    sources = "".join(path.read_text(encoding="utf-8") for path in paths)
    raised = set(re.findall(r'(?:Cause|Mistake|CallFinding)\(\s*"([a-z_]+)",', sources))
    assert {"cut_path", "region", "upstream_modified", "wrong_shape"} <= raised
    table = page("schema.md").partition("### Causes of wrong gradients of tensors")[2].partition("## The summary")[0]
    named = {
        key
        for line in table.splitlines()
        for key in re.findall(r"`([a-z_]+)`", line.partition("|")[2].partition("|")[0])
    }
    assert raised - named <= {"nan", "overflow"}  # which are causes of every report
    assert {key for key in named if f'"{key}"' not in sources} == {"raises"}  # told by the comparison


def test_every_key_of_the_document_is_in_the_schema() -> None:
    document = dx.check("squared_error", methods="reverse", at={"a": 1.0, "b": 0.5}, device="cpu").to_dict()
    row, tally = document["rows"][0], document["summary"]["tallies"][0]
    described = set(re.findall(r"`([a-z_0-9]+)`", page("schema.md")))
    for part in (document, row, tally, document["summary"], document["environment"], document["loss"]):
        assert set(part) - described == set()
    assert f"| `schema_version` | {SCHEMA_VERSION}" in page("schema.md")


def test_every_key_of_a_fit_is_in_the_schema() -> None:
    document = dx.fit("squared_error", steps=3, lr=0.1).to_dict()
    section = page("schema.md").partition("## Fits")[2]
    described = set(re.findall(r"`([a-z_0-9]+)`", section))
    curvature, run, terrain = document["start"], document["runs"][0], document["terrain"]
    parts = [document, run, run["rises"], terrain, terrain["optimum"], document["drifts"][0], curvature]
    parts += [curvature["directions"][0], document["path_curvature"], document["explanation"][0], run["last"]]
    for part in parts:
        assert set(part) - described == set()


def test_every_key_of_a_bench_is_in_the_schema() -> None:
    document = bench_document()
    section = page("schema.md").partition("## Benches")[2].partition("## Fits")[0]
    described = set(re.findall(r"`([a-z_0-9]+)`", section))
    for part in (document, document["subjects"][0], document["measurements"][0]):
        assert set(part) - described == set()
    assert {"library", "compiled", "eager", "loss", "n", "ratio", "repaid"} <= described


def bench_document() -> dict[str, Any]:
    from diffexplore.benching.bench import run_bench
    from diffexplore.benching.settings import TimedLoss, methods_of

    request = TimedLoss("squared_error", losses.get("squared_error"), {"a": 1.0, "b": 0.5})
    return run_bench([request], (4,), methods_of(["numpy"]), torch.float64, torch.device("cpu"), 0).to_dict()


def test_the_readme_has_the_command_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\n{TEST_COMMAND}\n" in readme
    ci = ROOT / ".ci" / "run"
    if ci.exists():  # a source distribution comes without it
        assert f"\n{TEST_COMMAND}\n" in ci.read_text(encoding="utf-8")


def test_every_direct_requirement_is_pinned() -> None:
    """What the commands in README.md and docs/conf.py install with constraints.txt is the same set everywhere."""
    project = tomllib.loads((doc_examples.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    pins = (doc_examples.ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z-]+)==", pins, flags=re.M))
    assert {re.split(r"[<>=]", requirement)[0] for requirement in required} <= pinned


def test_numbers_in_words_are_current() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(methods.names()) == 10, "the README and index.md say ten"
    assert "in ten ways" in readme
    assert "in ten ways" in page("index.md")
    assert len(losses.names()) == 13, "CHANGELOG.md says thirteen"


@pytest.mark.parametrize("path", doc_examples.DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_the_picture_is_small_and_needs_no_network() -> None:
    picture = DOCS / "images" / "report.svg"
    text = picture.read_text(encoding="utf-8")
    assert picture.stat().st_size <= 200_000
    assert "@font-face" not in text
    assert "url(http" not in text
    for words in ("diffexplore&#160;report", "PASS", "∂L/∂a", "reverse"):
        assert words in text


def lines_of(svg: str) -> str:
    """The text of a picture by rich: pieces that touch belong together, others are columns."""
    lines: dict[float, str] = {}
    ends: dict[float, float] = {}
    pieces = re.findall(r'<text class="report-r\d+" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>([^<]*)<', svg)
    for left, y, width, words in ((float(x), float(y), float(w), html.unescape(words)) for x, y, w, words in pieces):
        gap = "" if y not in lines or left - ends[y] < 1 else " "
        lines[y] = lines.get(y, "") + gap + words.replace("\xa0", " ")
        ends[y] = left + width
    return "\n".join(line.rstrip() for line in lines.values())


def test_the_picture_shows_the_output_of_today() -> None:
    picture = lines_of((DOCS / "images" / "report.svg").read_text(encoding="utf-8"))
    command, _, shown = picture.partition("\n")
    assert command == "$ diffexplore report"
    today = doc_examples.Session().run("diffexplore report --device cpu")
    assert doc_examples.difference(shown, today) is None, "run python docs/picture.py"


def test_output_is_compared_with_the_page() -> None:
    assert doc_examples.difference("one two\n", "one two\n") is None
    assert doc_examples.difference("one two\n", "one three\n") is not None
    assert doc_examples.difference("python ..., torch\n", "python 3.14, torch\n") is None


HEADER = "          error  allowed   catches\n  method    value  ulp  ulp  relative  verdict\n"


@pytest.mark.parametrize(
    ("printed", "agrees"),
    [
        ("  reverse  1.23456789  0.4  8.1  1.0e-6  pass\n", True),
        ("  reverse  1.23456123  2.9  8.1  1.0e-6  pass\n", True),  # within what the row says it may be wrong by
        ("  reverse  1.23999999  0.4  8.1  1.0e-6  pass\n", False),
        ("  reverse  1.23456789  0.4  9.1  1.0e-6  pass\n", False),
        ("  reverse  1.23456789  0.4  8.1  1.0e-5  pass\n", False),
        ("  reverse  1.23456789  0.4  8.1  1.0e-6  FAIL\n", False),
        ("  reverse  -1.2345678  0.4  8.1  1.0e-6  pass\n", False),
        ("  forward  1.23456789  0.4  8.1  1.0e-6  pass\n", False),
    ],
)
def test_only_rounding_may_differ_in_a_table(printed: str, agrees: bool) -> None:
    documented = HEADER + "  reverse  1.23456789  0.4  8.1  1.0e-6  pass\n"
    assert (doc_examples.difference(documented, HEADER + printed) is None) is agrees


def test_no_digit_counts_where_nothing_is_caught() -> None:
    documented, printed = (HEADER + f"  reverse  {value}  51  5400  72  inconclusive [1]\n" for value in ("0.39", "-2"))
    assert doc_examples.difference(documented, printed) is None


def test_a_wrong_example_fails() -> None:
    session = doc_examples.Session()
    assert doc_examples.run_block("$ diffexplore --version\ndiffexplore 0.0\n", session) is not None
    assert (
        doc_examples.run_block(f"$ diffexplore --version\ndiffexplore {dx.__version__}\n$ echo $?\n0\n", session)
        is None
    )


def test_pytest_of_an_example_sees_the_files_of_its_own_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = types.ModuleType("loaded_by_another_document")
    monkeypatch.setitem(sys.modules, other.__name__, other)
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{other.__name__}.py").write_text("NUMBER = 1\n", encoding="utf-8")
    program = f"from {other.__name__} import NUMBER\n\ndef test_it() -> None:\n    assert NUMBER == 1\n"
    (tmp_path / "test_it_here.py").write_text(program, encoding="utf-8")
    printed = doc_examples.Session().run("python -m pytest -q -p no:cacheprovider test_it_here.py")
    assert "1 passed" in printed, printed
    assert sys.modules[other.__name__] is other


def test_the_tutorial_takes_fourteen_steps() -> None:
    steps = [int(number) for number in re.findall(r"^## (\d+)\. ", page("tutorial.md"), flags=re.M)]
    assert steps == list(range(1, 15))


def test_every_picture_is_in_a_page_and_every_picture_of_a_page_is_there() -> None:
    drawn = {path.name for path in (DOCS / "images").iterdir()}
    shown = {
        name for path in doc_examples.DOCUMENTS for name in re.findall(r"images/([\w.-]+)\)", path.read_text("utf-8"))
    }
    assert shown == drawn
    assert all((DOCS / "images" / name).stat().st_size <= 300_000 for name in drawn)
