"""Figures: the same layers in a terminal, in a file and in plotly, each told apart without colour."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from representatives import slow, these

from diffexplore.errors import UsageError
from diffexplore.figures import matplotlib as files
from diffexplore.figures import plotly
from diffexplore.figures.records import Arrows, Axis, Band, Bars, Figure, Layer, Rule, Series, ValueGrid, extent
from diffexplore.figures.roles import PALETTE, STYLES, styles
from diffexplore.figures.terminal import draw
from tests.figure_examples import EVERYTHING, GRID, LAYERS, ROLES, figure

LIGHT, DARK = "#ffffff", "#0d1117"


# ----------------------------------------------------------------------------------------------------------------- roles
def _luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("page", [LIGHT, DARK])
@pytest.mark.parametrize("colour", PALETTE)
def test_colours_are_seen_on_light_and_dark_pages(colour: str, page: str) -> None:
    lighter, darker = sorted((_luminance(colour), _luminance(page)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3  # what WCAG 2 asks of graphics


def test_each_role_has_its_own_look() -> None:
    assert set(STYLES) == set(ROLES)
    for one, other in itertools.combinations(STYLES.values(), 2):
        assert (one.colour, one.line) != (other.colour, other.line) or one.marker != other.marker


@pytest.mark.parametrize("role", ROLES)
def test_layers_of_one_role_differ(role: str) -> None:
    same = figure(*(replace(LAYERS["series"], name=str(i), role=role) for i in range(5)))  # type: ignore[arg-type]
    looks = styles(same)
    assert looks[0] == STYLES[role]  # type: ignore[index]
    assert len({look.colour for look in looks}) == len({look.marker for look in looks}) == 5


def test_a_grid_takes_no_colour_from_the_lines_above_it() -> None:
    line = Series("path", (0.0, 1.0), (0.0, 1.0))
    assert styles(figure(GRID, line))[1] == styles(figure(line))[0]


# --------------------------------------------------------------------------------------------------------------- extents
@pytest.mark.parametrize(("name", "x", "y"), [
    ("series", (0, 2), (1, 9)), ("band", (0, 2), (1, 6)), ("cells", (0, 2), (0, 10)), ("arrows", (0, 2), (2, 8)),
    ("bars", (0, 2), (0, 8)),
])  # fmt: skip
def test_extents(name: str, x: tuple[float, float], y: tuple[float, float]) -> None:
    assert extent(figure(LAYERS[name])) == (x, y)


def test_a_rule_widens_its_own_axis_only() -> None:
    assert extent(figure(LAYERS["series"], Rule("far", "x", 50.0))) == ((0, 50), (1, 9))
    assert extent(figure(Rule("alone", "x", 50.0))) is None


def test_what_a_logarithm_cannot_show_is_left_out() -> None:
    zero = Series("zero", (0.0, 1.0, 10.0), (-1.0, 1.0, 100.0))
    logs = figure(zero, x=Axis("x", scale="log"), y=Axis("y", scale="log"))
    assert extent(logs) == ((1, 10), (1, 100))
    assert any("┤" in line for line in draw(logs, 80))
    json.dumps(plotly.spec(logs), allow_nan=False)
    files.to_bytes(".svg", logs)


# -------------------------------------------------------------------------------------------------------------- terminal
@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("width", [20, 40, 80, 132])
@pytest.mark.parametrize("drawn", [*(figure(layer) for layer in LAYERS.values()), EVERYTHING, figure()])
def test_a_terminal_keeps_its_width_and_its_characters(drawn: Figure, width: int, ascii: bool) -> None:
    lines = draw(drawn, width, ascii=ascii)
    assert all(len(line) <= max(30, width) for line in lines)
    assert not ascii or all(line.isascii() for line in lines)
    assert not any("\x1b" in line for line in lines)
    for layer in drawn.layers:
        assert layer.name in " ".join("\n".join(lines).split())


@pytest.mark.parametrize("ascii", [False, True])
def test_a_terminal_tells_layers_apart_without_colour(ascii: bool) -> None:
    lines = [Series(f"layer {role}", (0.0, 1.0), (float(i), float(i)), role=role) for i, role in enumerate(ROLES)]
    for some in (lines[:8], lines[3:]):
        legend = [line for line in draw(figure(*some), 80, ascii=ascii) if "layer" in line]
        assert len({line.split()[0] for line in legend}) == len(some) == 8


@pytest.mark.parametrize("ascii", [False, True])
def test_a_terminal_has_a_letter_for_each_of_many_layers(ascii: bool) -> None:
    marks = [Series(f"method {i}", (float(i + 1),), (float(i % 7 + 1),), joined=False) for i in range(30)]
    lines = draw(figure(*marks), 80, ascii=ascii)
    words = "\n".join(lines)
    assert all(f"{letter} method {i}" in words for i, letter in enumerate("abcdefghijklmnopqrstuvwxyzABCD"))
    assert all(len(line) <= 80 for line in lines) and len(lines) < 13 + 30 / 2


def test_a_terminal_draws_bars_from_the_ground_up() -> None:
    lines = draw(figure(Bars("n", (0.0, 1.0, 2.0), (1, 4))), 40)
    counts = [line.count("█") for line in lines if "│" in line or "┤" in line]
    assert counts == sorted(counts) and 0 < counts[0] < 0.6 * counts[-1]


def test_a_terminal_draws_a_rule_from_edge_to_edge() -> None:
    lines = draw(figure(LAYERS["series"], LAYERS["rule over x"]), 60)
    body = [line for line in lines if line.endswith("│")]
    columns = {line.index("|") for line in body}
    assert len(columns) == 1 and len(body) >= 8


def test_a_terminal_shades_higher_values_darker() -> None:
    ramp = ValueGrid("ramp", tuple(map(float, range(60))), (0.0, 1.0), (tuple(map(float, range(60))),) * 2)
    (line,) = {
        line.strip(" │┤")[2:-2] for line in draw(figure(ramp), 80) if "▒" in line and "│" in line and "┤" not in line
    }
    found = [" ·░▒▓█".index(character) for character in line]
    assert found == sorted(found) and set(found) >= {1, 2, 3, 4, 5}


@pytest.mark.parametrize("ascii", [False, True])
def test_a_terminal_shows_notes_and_what_has_no_value(ascii: bool) -> None:
    fine = tuple(map(float, range(200)))
    values = tuple(tuple(None if column > 150 else 1.0 + column for column in range(200)) for _ in fine)
    lines = draw(
        figure(ValueGrid("error", fine, fine, values, notes=((77, 77, "a kink"), (20, 20, "a pole")))), 60, ascii=ascii
    )
    picture, legend = "\n".join(lines[:-4]), "\n".join(lines[-4:])
    assert "! a kink" in legend and "& a pole" in legend and "? no value" in legend
    assert "!" in picture and "&" in picture and "?" in picture


def test_a_terminal_points_arrows_the_way_they_go() -> None:
    east = Arrows("flow", (0.0, 1.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0))
    north = replace(east, dx=(0.0, 0.0), dy=(2.0, 2.0))
    assert "→" in "\n".join(draw(figure(east), 40)[1:-1]) and "↑" in "\n".join(draw(figure(north), 40)[1:-1])
    assert "^" in "\n".join(draw(figure(north), 40, ascii=True)[1:-1])


def test_a_terminal_marks_round_numbers() -> None:
    lines = "\n".join(draw(figure(Series("one", (0.0, 99.0), (0.3, 251.0))), 80))
    assert all(number in lines for number in (" 20 ", " 40 ", " 60 ", " 80", "100┤", "200┤"))


def test_where_ticks_have_no_room_the_first_ones_are_marked() -> None:
    """Whatever the order of hashes: plotext keeps ticks with their labels in a set."""
    for start in range(100_000, 100_020):
        ramp = figure(Series("ramp", (start, start + 1.0), (0.0, 1.0)), x=Axis("x"))
        marks = next(line for line in draw(ramp, 30) if str(start) in line).split()
        assert marks == [f"{start}", f"{start}.2", f"{start}.8"]


# ----------------------------------------------------------------------------------------------------------------- files
@pytest.mark.parametrize("suffix", these({".pdf"}, files.SUFFIXES))
def test_files_of_everything(suffix: str) -> None:
    found = files.to_bytes(suffix, EVERYTHING)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert found.startswith(start) and len(found) > 5_000
    assert found == files.to_bytes(suffix, EVERYTHING)  # no date, no random names


def test_a_file_has_title_labels_caption_and_names() -> None:
    canvas = files.draw(figure(LAYERS["series"], LAYERS["band"], LAYERS["rule over y"]))
    (axes,) = canvas.axes
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("The title", "across (m)", "up")
    assert canvas.get_supxlabel() == "What is to be seen."
    assert [entry.get_text() for entry in axes.get_legend().get_texts()] == ["path", "spread", "limit"]


@pytest.mark.parametrize("suffix", [".jpg", "", ".json"])
def test_other_suffixes_are_refused(suffix: str) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.svg or \.pdf"):
        files.to_bytes(suffix, EVERYTHING)


def test_dollars_are_no_formulas_of_matplotlib() -> None:
    hostile = figure(replace(LAYERS["series"], name=r"$\frac{"))  # type: ignore[type-var]
    files.to_bytes(".svg", replace(hostile, title=r"$\nonsense{$"))


# ---------------------------------------------------------------------------------------------------------------- plotly
def test_plotly_has_the_numbers_of_the_layers() -> None:
    found = plotly.spec(EVERYTHING)
    json.dumps(found, allow_nan=False)
    by_name = {trace["name"]: trace for trace in found["data"]}
    assert by_name["path"]["x"] == [0.0, 1.0, 2.0] and by_name["path"]["y"] == [1.0, 4.0, 9.0]
    assert (by_name["path"]["mode"], by_name["data"]["mode"]) == ("lines", "markers")
    assert by_name["data"]["hovertext"] == ["p", "q", "r"]
    assert by_name["spread"]["y"] == [2.0, 4.0, 6.0, 3.0, 2.0, 1.0] and by_name["spread"]["fill"] == "toself"
    assert by_name["loss"]["customdata"] == [[1.0, 2.0, 3.0], [4.0, None, 400.0]]
    assert by_name["loss"]["z"][0] == pytest.approx([0.0, 0.30103, 0.47712], abs=1e-5)
    assert by_name["kink"]["x"] == [2.0] and by_name["kink"]["y"] == [10.0]
    assert by_name["height"]["type"] == "contour" and by_name["height"]["colorbar"]["ticktext"] == ["1.5", "2.5", "4.5"]
    assert by_name["field"]["x"] == [0.0, 0.5, None, 2.0, 1.5, None]
    assert by_name["errors"]["y"] == [0, 3, 8, 8, 0] and by_name["errors"]["x"] == [0.0, 0.0, 1.0, 2.0, 2.0]
    rules = {shape["name"]: shape for shape in found["layout"]["shapes"]}
    assert rules["chosen"]["x0"] == rules["chosen"]["x1"] == 1.5 and rules["limit"]["y0"] == 3.0
    assert found["layout"]["xaxis"]["title"]["text"] == "across (m)"


def test_contours_of_plotly_stand_at_the_levels() -> None:
    """Plotly's contours are evenly spaced, the levels are not: the first level is 0 of its scale, the next 1."""
    (ground,) = plotly.spec(figure(LAYERS["contours"]))["data"]
    at = dict(zip((1.0, 2.0, 3.0, 4.0, 5.0, 6.0), itertools.chain(*ground["z"]), strict=True))
    assert at == pytest.approx({1: -1, 2: 0.5, 3: 1.25, 4: 1.75, 5: 2 + 1 / 3, 6: 3})


def test_names_are_not_read_by_plotly() -> None:
    hostile = "<a href='https://example.org'>&</a>"
    layers: list[Layer] = [replace(layer, name=hostile) for layer in LAYERS.values()]
    found = json.dumps(plotly.spec(replace(figure(*layers), title=hostile), titled=True))
    assert "<a" not in found and "&lt;a href" in found


def test_a_notebook_has_a_figure_of_plotly() -> None:
    shown = plotly.notebook(EVERYTHING)
    assert shown.layout.title.text == "The title" and len(shown.data) == len(plotly.spec(EVERYTHING)["data"])


@pytest.mark.parametrize("layer", [
    Series("none", (), ()), Series("one", (1.0,), (1.0,)), Band("none", (), (), ()), Bars("none", (), ()), Bars("edge", (1.0,), ()),
    Arrows("none", (), (), (), ()), Arrows("still", (1.0,), (1.0,), (0.0,), (0.0,)), ValueGrid("none", (), (), ()),
    ValueGrid("one", (1.0,), (1.0,), ((5.0,),)), ValueGrid("no value", (1.0, 2.0), (1.0, 2.0), ((None, None), (None, None)), scale="log"),
    ValueGrid("even", (1.0, 2.0), (1.0, 2.0), ((5.0, 5.0), (5.0, 5.0)), levels=(5.0,)), Rule("alone", "y", 1.0),
    ValueGrid("flat", (1.0, 2.0), (1.0, 2.0), ((5.0, 5.0), (5.0, 5.0)), scale="log"),
    ValueGrid("zeros", (1.0, 2.0), (1.0, 2.0), ((0.0, 5.0), (50.0, 5.0)), scale="log"),
], ids=lambda layer: f"{type(layer).__name__} {layer.name}")  # fmt: skip
@pytest.mark.parametrize("scale", ["linear", slow("log")])
def test_little_data_is_drawn_in_every_medium(layer: Layer, scale: str) -> None:
    drawn = figure(layer, y=Axis("y", scale=scale), x=Axis("x", scale=scale))  # type: ignore[arg-type]
    assert any(layer.name in line for line in draw(drawn, 60))
    ElementTree.fromstring(files.to_bytes(".svg", drawn))
    json.dumps(plotly.spec(drawn), allow_nan=False)


@pytest.mark.parametrize("layers", [2, 4, 5, 12])
def test_a_legend_of_many_layers_covers_no_point(layers: int) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    series = tuple(Series(f"layer {i}", (0.0, 1.0), (0.0, float(i))) for i in range(layers))
    canvas = files.draw(Figure("many", "", Axis("x"), Axis("y"), series))
    FigureCanvasAgg(canvas).draw()
    (axes,) = canvas.axes
    (legend,) = [*canvas.legends, *filter(None, [axes.get_legend()])]
    assert [entry.get_text() for entry in legend.get_texts()] == [one.name for one in series]
    if layers > 4:
        assert legend.get_window_extent().y0 >= axes.get_window_extent().y1
        assert legend.get_window_extent().x0 >= 0
        assert legend.get_window_extent().x1 <= canvas.bbox.x1
