// What stands on the surface of a live section, as traces of plotly: contours, arrows, valleys, the path and the marks.
//
// `root` is the section; `given` what diffexplore found; `state` what is chosen; `computed` the loss and its derivatives.
function diffexploreTraces(root, given, state, computed) {
  "use strict";
  const { parameters, marks } = given, { loss, gradient, hessian } = computed;
  const COLOURS = { path: "#d55e00", start: "#b87b00", end: "#0072b2", minimum: "#009e73", bad: "#d55e00", data: "#2f8fcc" };
  const places = () => state.axes.map(name => parameters.indexOf(name));
  const onAxes = point => places().map(k => point[k]);
  const put = (point, values) => { const moved = point.slice(); places().forEach((k, j) => { moved[k] = values[j]; }); return moved; };
  const span = (low, high, size) => Array.from({ length: size }, (_, i) => low + (high - low) * i / (size - 1));
  const short = (x, digits = 6) => Number.isFinite(x)
    ? String(Number(x.toPrecision(digits))).replace("e+", "e").replace(/^-/, "−") : "—";
  const minimum = marks.find(mark => mark.kind.includes("minimum"));

  function levelsOf(values, lowest) { // geometrically above the minimum, or between equal parts, as in fixed pictures
    if (lowest === null) {
      const sorted = values.slice().sort((p, q) => p - q), last = sorted.length - 1;
      const parts = Array.from({ length: 12 }, (_, k) => sorted[Math.round(last * (k + 0.5) / 12)]);
      return parts.filter((level, k) => k === 0 || level > parts[k - 1]);
    }
    const above = values.map(value => value - lowest).sort((p, q) => p - q), reach = above[above.length - 1];
    if (!(reach > 0)) return [];
    const first = Math.min(Math.max(above[Math.max(1, Math.floor(above.length / 100))], 1e-7 * reach), reach / 2);
    return Array.from({ length: 12 }, (_, k) => lowest + first * Math.pow(0.8 * reach / first, k / 11));
  }

  function placeBetween(value, levels, low, high) { // 0 at the first level, 1 at the second, with parts in between
    let place = 0;
    while (place < levels.length && levels[place] <= value) place++;
    const below = place ? levels[place - 1] : Math.min(low, levels[0]);
    const above = place < levels.length ? levels[place] : Math.max(high, levels[levels.length - 1]);
    return place - 1 + (above > below ? (value - below) / (above - below) : 0);
  }

  function apart(levels) { // in as few digits as tell them apart
    for (let digits = 3; digits < 15; digits++) {
      const texts = levels.map(level => short(level, digits));
      if (new Set(texts).size === texts.length) return texts;
    }
    return levels.map(level => short(level, 15));
  }

  function surface() {
    const side = Math.max(15, Math.min(61, Math.floor(Math.sqrt(6e7 / given.operations))));
    const [x, y] = [0, 1].map(k => span(state.window.low[k], state.window.high[k], side));
    const z = y.map(v => x.map(u => loss(put(state.held, [u, v]))));
    const known = z.flat().filter(isFinite);
    if (!known.length) return null;
    const low = Math.min(...known), high = Math.max(...known);
    const levels = levelsOf(known, minimum ? Math.min(low, minimum.loss) : null);
    return {
      type: "contour", name: "loss", x, y, customdata: z, showlegend: false,
      z: z.map(row => row.map(value => isFinite(value) ? (levels.length ? placeBetween(value, levels, low, high) : 0) : null)),
      contours: { start: 0, end: Math.max(0, levels.length - 1), size: 1, coloring: "fill" },
      zmin: -1, zmax: Math.max(1, levels.length), colorscale: "Viridis", opacity: 0.85,
      line: { color: "rgba(255,255,255,0.7)", width: 0.8 }, connectgaps: false,
      hovertemplate: `${state.axes[0]} = %{x:.4g}<br>${state.axes[1]} = %{y:.4g}<br>loss %{customdata:.6g}<extra></extra>`,
      colorbar: {
        title: { text: "loss", side: "right" }, thickness: 12, outlinewidth: 0,
        tickvals: levels.map((_, k) => k), ticktext: apart(levels),
      },
    };
  }

  function arrows() { // downhill, all of one length on the screen; heads are two strokes
    const count = root.clientWidth < 560 ? 9 : 13, x = [], y = [];
    const size = [0, 1].map(k => state.window.high[k] - state.window.low[k]);
    const mid = k => Array.from({ length: count }, (_, i) => state.window.low[k] + size[k] * (i + 0.5) / count);
    for (const v of mid(1)) for (const u of mid(0)) {
      const slopes = onAxes(gradient(put(state.held, [u, v]))).map((slope, k) => -slope / size[k]);
      const length = Math.hypot(...slopes);
      if (!(length > 0) || !isFinite(length)) continue;
      const [p, q] = slopes.map(slope => 0.31 * slope / length / count);
      const at = (s, t) => { x.push(u + s * size[0]); y.push(v + t * size[1]); };
      at(-p, -q); at(p, q); at(p - 0.5 * p - 0.35 * q, q - 0.5 * q + 0.35 * p); at(p, q);
      at(p - 0.5 * p + 0.35 * q, q - 0.5 * q - 0.35 * p);
      x.push(null); y.push(null);
    }
    return {
      type: "scatter", mode: "lines", name: "downhill", x, y, hoverinfo: "skip", showlegend: false,
      line: { color: "rgba(255,255,255,0.75)", width: 1 },
    };
  }

  function valleys() { // the eigenvectors of the Hessian over the axes at the minimum, from edge to edge
    if (!minimum) return [];
    const full = hessian(minimum.point), [i, j] = places();
    const [a, b, c] = [full[i][i], full[i][j], full[j][j]], root2 = Math.hypot((a - c) / 2, b);
    if (![a, b, c].every(isFinite)) return [];
    const angle = Math.atan2(2 * b, a - c) / 2; // of the steepest direction
    const directions = [
      ["valley", -Math.sin(angle), Math.cos(angle), (a + c) / 2 - root2],
      ["steepest", Math.cos(angle), Math.sin(angle), (a + c) / 2 + root2],
    ];
    return directions.flatMap(([name, dx, dy, curvature]) => {
      const centre = onAxes(minimum.point), along = [dx, dy];
      let ends = [-Infinity, Infinity];
      along.forEach((d, k) => {
        if (d === 0) return;
        const hits = [state.window.low[k], state.window.high[k]].map(edge => (edge - centre[k]) / d).sort((p, q) => p - q);
        ends = [Math.max(ends[0], hits[0]), Math.min(ends[1], hits[1])];
      });
      const drawn = ends[0] < ends[1] && ends.every(isFinite) ? ends : [];
      const line = {
        type: "scatter", mode: "lines", name: `${name}, curvature ${short(curvature, 3)}`, hoverinfo: "name",
        x: drawn.map(t => centre[0] + t * dx), y: drawn.map(t => centre[1] + t * dy), showlegend: false,
        line: { color: "#ffffff", width: 1.6, dash: name === "valley" ? "dash" : "dot" },
      };
      // White is seen on every colour of the ground, and grey in the legend, on any page.
      return [line, { ...line, x: [null], y: [null], showlegend: true, line: { ...line.line, color: "#7a7f87" } }];
    });
  }

  function profile() { // one parameter: the loss over it, and the tangent at the start
    const x = span(state.window.low[0], state.window.high[0], 241), at = onAxes(state.start)[0];
    const slope = onAxes(gradient(state.start))[0], value = loss(state.start), reach = (x[240] - x[0]) / 6;
    return [
      { type: "scatter", mode: "lines", name: "loss", x, y: x.map(u => loss(put(state.held, [u]))), line: { color: COLOURS.end } },
      {
        type: "scatter", mode: "lines", name: "slope at the start", x: [at - reach, at + reach],
        y: [value - slope * reach, value + slope * reach], line: { color: COLOURS.start, dash: "dash" },
      },
    ];
  }

  const marker = (name, colour, symbol, x, y, size = 12) => ({
    type: "scatter", mode: "markers", name, x, y,
    marker: { color: colour, symbol, size, line: { color: "#ffffff", width: 1.2 } },
  });

  function onSurface(run) { // path and marks
    const flat = state.axes.length === 1;
    const [low, high] = [state.window.low, state.window.high];
    const far = x => x.some((u, k) => Math.abs(u - low[k]) > 100 * (high[k] - low[k])); // plotly need not go there
    const seen = run.path.map(place => far(onAxes(place.point)) ? null : place.point);
    const xs = seen.map(point => point && onAxes(point)[0]);
    const ys = seen.map((point, i) => point && (flat ? run.path[i].value : onAxes(point)[1]));
    const last = run.path.length - 1;
    const traces = [
      {
        type: "scatter", mode: flat ? "markers" : "lines+markers", name: "path", x: xs, y: ys,
        text: run.path.map(place => `step ${place.step}<br>loss ${short(place.value)}`), hoverinfo: "text",
        line: { color: COLOURS.path, width: 2 }, marker: { color: COLOURS.path, size: flat ? 7 : 3 },
      },
      marker("start", COLOURS.start, "square", [xs[0]], [ys[0]]),
      marker("end", COLOURS.end, "diamond", [xs[last]], [ys[last]]),
    ];
    for (const mark of marks) {
      const at = onAxes(mark.point), good = mark.kind.includes("minimum");
      if (at.some((u, k) => u < low[k] || u > high[k])) continue;
      traces.push(marker(mark.kind, good ? COLOURS.minimum : COLOURS.bad, good ? "star" : "x", [at[0]], [flat ? mark.loss : at[1]], 14));
    }
    return traces;
  }

  return { COLOURS, minimum, put, span, short, levelsOf, surface, arrows, valleys, profile, onSurface };
}
