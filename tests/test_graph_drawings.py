"""Drawings of computational graphs as text, DOT and SVG, which are whole, and the command that makes them."""

from __future__ import annotations

import functools
import itertools
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from graph_pages import page
from representatives import one_in

import diffexplore as dx
from diffexplore import losses
from diffexplore.cli.main import main
from diffexplore.graphing import Graph, graph_of, to_dot, to_svg

Output = pytest.CaptureFixture[str]
SVG = "{http://www.w3.org/2000/svg}"


# --------------------------------------------------------------------------------------------------------- drawings
GRAPHS = [*losses.names(), "hyperplane:5"]


@functools.cache
def named(name: str) -> Graph:
    return graph_of(name)


@pytest.mark.parametrize("name", one_in(2, GRAPHS, first=1))
def test_the_tree_names_each_node_once(name: str) -> None:
    graph = named(name)
    tree = page(graph, width=100).partition("Forward")[2].partition("Backward")[0]
    for node in graph.nodes:
        first = node.name if node.is_input else f"{node.name} = {node.rule}"
        uses = sum(edge.operand == node.number for edge in graph.edges)
        assert len(re.findall(rf"(?:[└├] |#\d+ |^  ){re.escape(first)}(?:  |$)", tree, flags=re.M)) == 1
        again = f"{node.name} (#{node.number})"
        assert tree.count(again) == max(uses - 1, 0)
        assert (f"#{node.number} {first}" in tree) == (uses > 1)


@pytest.mark.parametrize("name", one_in(2, GRAPHS))
@pytest.mark.parametrize("ascii", [False, True])
def test_pages_fit_eighty_columns(name: str, ascii: bool) -> None:
    shown = page(named(name), 80, ascii)
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.isascii() is ascii
    assert "\\u" not in shown


def test_deep_trees_go_on_below() -> None:
    formula = "a"
    for _ in range(30):
        formula = f"sin({formula} + 1)"
    graph = graph_of(dx.Loss(formula, parameters="a"), {"a": 1.0})
    shown = page(graph)
    assert max(map(len, shown.splitlines())) <= 80
    tree = shown.partition("Forward")[2].partition("Backward")[0]
    for node in graph.nodes[1:]:
        assert len(re.findall(rf"\b{node.name} = ", tree)) == 1


@pytest.mark.parametrize("name", GRAPHS)
def test_dot_is_whole(name: str) -> None:
    graph = named(name)
    dot = to_dot(graph)
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', dot)  # without what is quoted
    assert bare.count("{") == bare.count("}") == 1 and bare.count("[") == bare.count("]")
    assert bare.isascii() and '"' not in bare.replace('""', "")
    declared = set(re.findall(r"^  (n\d+) \[", bare, flags=re.M))
    joined = re.findall(r"^  (n\d+) -> (n\d+) \[", bare, flags=re.M)
    assert len(declared) == len(graph.nodes) and len(joined) == len(graph.edges)
    assert {end for edge in joined for end in edge} <= declared


Rectangle = tuple[float, float, float, float]


def rectangles(svg: str, role: str) -> list[Rectangle]:
    found = [rect for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect") if rect.get("data-role") == role]
    return [tuple(float(rect.get(key, "nan")) for key in ("x", "y", "width", "height")) for rect in found]  # type: ignore[misc]


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return all(one[i] < other[i] + other[i + 2] and other[i] < one[i] + one[i + 2] for i in (0, 1))


@pytest.mark.parametrize("name", one_in(2, GRAPHS))
def test_svg_is_well_formed_and_nothing_overlaps(name: str) -> None:
    graph = named(name)
    svg = to_svg(graph)
    root = ElementTree.fromstring(svg)
    boxes, labels = rectangles(svg, "box"), rectangles(svg, "label")
    assert len(boxes) == len(graph.nodes) and len(labels) == len(graph.edges)
    for one, other in itertools.combinations([*boxes, *labels], 2):
        assert not overlap(one, other)
    width, height = (float(root.get(key, "nan")) for key in ("width", "height"))
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in (*boxes, *labels))
    words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert {f"∂L/∂{node.name} = {node.adjoint.text}" for node in graph.nodes if node.adjoint} <= set(words)


def test_text_is_escaped() -> None:
    svg = to_svg(graph_of(dx.Loss("where(a < b, a, b*a)", parameters="a, b")))
    assert "where(a &lt; b" in svg
    ElementTree.fromstring(svg)
    assert to_dot(graph_of("graph_sum", name='say "c"')).startswith('digraph "say \\"c\\"" {')


# ------------------------------------------------------------------------------------------------------ command line
def test_the_command_writes_what_is_asked_for(tmp_path: Path, capsys: Output) -> None:
    svg, dot, document = (tmp_path / f"graph.{kind}" for kind in ("svg", "dot", "json"))
    arguments = ["graph", "graph_sum", "--svg", str(svg), "--dot", str(dot), "--json", str(document), "--no-color"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "∂L/∂x  = ∂L/∂v4 · y" in out and "\x1b" not in out
    graph = graph_of("graph_sum")
    assert svg.read_text(encoding="utf-8") == to_svg(graph)
    assert dot.read_text(encoding="utf-8") == to_dot(graph)
    assert json.loads(document.read_text(encoding="utf-8")) == graph.to_dict()


def test_json_on_standard_output(capsys: Output) -> None:
    assert main(["graph", "a*x**2", "--at", "a=2,x=3", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["nodes"][-1]["value"]["text"] == "18"


def test_formulas_without_values(capsys: Output) -> None:
    assert main(["graph", "x*y + z", "--wrt", "x", "--ascii"]) == 0
    out = capsys.readouterr().out
    assert "L = sum(x*y + z)/N" in out  # what --wrt does not name is data
    assert "dL/dx  = sum(dL/dv4 * y)   = sum(y)/N" in out
    assert "value" not in out.partition("have a value for each sample")[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a*x", "--at", "a=1"], "no value for x"),
        (["a*x", "--at", "c=1"], "unknown symbol 'c'"),
        (["a*x", "--at", "a=1", "--at", "a=2"], "one point"),
        (["perpendicular", "--sample", "100"], "there is no sample 100"),
        (["perpendicular", "--sample", "-1"], "there is no sample -1"),
        (["perpendicular", "--wrt", "c"], "unknown symbol 'c'"),
        (["perpendiclar"], "did you mean 'perpendicular'"),
        (["a*x", "--shapes", "a[2]"], "--shapes is for a torch function"),
        (["a*x", "--reduction", "max"], "unknown reduction"),
        (["missing.py:f"], "no such file"),
        (["a*x", "--svg", "no/such/folder/graph.svg"], "cannot write"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: Output) -> None:
    assert main(["graph", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and len(captured.err.splitlines()) == 1
    assert captured.out == ""
