// The live section: a loss surface with a descent on it, recomputed from the simplified formulas as sliders move.
// It draws with Plotly, which the page brings along, and asks for nothing from anywhere.
//
// `root` is the section; `given` what diffexplore found; `formulas` functions made from the loss, of a point, the columns
// and the number of a sample.
function diffexploreLive(root, given, formulas) {
  "use strict";
  const { parameters, data, columns, n, reduction, windows, marks, fitted } = given;
  const COLOURS = { path: "#d55e00", start: "#b87b00", end: "#0072b2", minimum: "#009e73", bad: "#d55e00", data: "#2f8fcc" };
  const MOST_KEPT = 2000; // points of a path that are drawn
  const part = name => root.querySelector(`[data-part="${name}"]`);

  // ------------------------------------------------------------------------------------------------------ the loss
  const held = data.map(name => Float64Array.from(columns[name]));

  function total(point, width, summand) { // sums of `width` numbers over the samples, with Neumaier's correction
    const sums = new Float64Array(width), lost = new Float64Array(width);
    for (let i = 0; i < n; i++) {
      const terms = summand(point, held, i);
      for (let k = 0; k < width; k++) {
        const term = terms[k], sum = sums[k] + term;
        lost[k] += Math.abs(sums[k]) >= Math.abs(term) ? sums[k] - sum + term : term - sum + sums[k];
        sums[k] = sum;
      }
    }
    return Array.from(sums, (sum, k) => (isFinite(sum) ? sum + lost[k] : NaN) / (reduction === "mean" ? n : 1));
  }

  function inside(point) {
    for (let i = 0; given.bounded && i < n; i++) if (!formulas.inside(point, held, i).every(Boolean)) return false;
    return true;
  }

  const loss = point => inside(point) ? total(point, 1, formulas.value)[0] : NaN;
  const gradient = point => inside(point) ? total(point, parameters.length, formulas.gradient) : parameters.map(() => NaN);

  function hessian(point) {
    const size = parameters.length;
    const flat = inside(point) ? total(point, size * size, formulas.hessian) : [];
    return parameters.map((_, row) => parameters.map((_, column) => flat.length ? flat[row * size + column] : NaN));
  }

  // The optimizers of torch.optim that step by step need the gradient alone, operation by operation.
  const RULES = {
    gd: () => (point, slopes, rate) => point.map((x, k) => x - rate * slopes[k]),
    momentum: () => {
      let velocity = null;
      return (point, slopes, rate) => {
        velocity = velocity ? velocity.map((v, k) => given.constants.momentum * v + slopes[k]) : slopes;
        return point.map((x, k) => x - rate * velocity[k]);
      };
    },
    adam: () => {
      const { beta1, beta2, eps } = given.constants;
      const mean = parameters.map(() => 0), square = parameters.map(() => 0);
      let step = 0;
      return (point, slopes, rate) => {
        step += 1;
        const size = rate / (1 - Math.pow(beta1, step)), spread = Math.sqrt(1 - Math.pow(beta2, step));
        return point.map((x, k) => {
          mean[k] += (1 - beta1) * (slopes[k] - mean[k]);
          square[k] = beta2 * square[k] + (1 - beta2) * slopes[k] * slopes[k];
          return x - size * mean[k] / (Math.sqrt(square[k]) / spread + eps);
        });
      };
    },
  };

  function descent(start, rate, steps, optimizer = state.optimizer) { // a long path is thinned, and its last point kept
    const move = RULES[optimizer]();
    const stride = Math.ceil(steps / MOST_KEPT), kept = [];
    let point = start, value = loss(start), step = 0, ended = null;
    let best = { step, point, value };
    kept.push(best);
    while (step < steps) {
      const slopes = gradient(point);
      if (!slopes.every(isFinite)) { ended = "the gradient is not finite"; break; }
      point = move(point, slopes, rate);
      value = loss(point);
      step += 1;
      if (!isFinite(value)) { ended = "the loss is not finite"; break; }
      const place = { step, point, value };
      if (value < best.value) best = place;
      if (step % stride === 0 || step === steps) kept.push(place);
    }
    return { path: kept, last: kept[kept.length - 1], best, steps: step, ended };
  }

  function largestCurvature(point) { // by power iteration on a shifted matrix: the largest eigenvalue
    const matrix = hessian(point), size = matrix.length;
    if (!matrix.flat().every(isFinite)) return NaN;
    const shift = Math.max(...matrix.map(row => row.reduce((sum, entry) => sum + Math.abs(entry), 0)));
    if (shift === 0) return 0;
    let vector = matrix.map((_, k) => 1 + k / 7), value = 0;
    for (let turn = 0; turn < 500; turn++) {
      const next = matrix.map((row, k) => row.reduce((sum, entry, j) => sum + entry * vector[j], shift * vector[k]));
      const length = Math.hypot(...next);
      if (!(length > 0)) break;
      vector = next.map(x => x / length);
      const before = value;
      value = length - shift;
      if (Math.abs(value - before) <= 1e-12 * shift) break;
    }
    return size === 1 ? matrix[0][0] : value;
  }

  // ---------------------------------------------------------------------------------------------------- the present
  const state = {
    axes: given.axes.slice(), start: given.start.slice(), rate: given.rate, steps: given.steps, window: windows[0],
    held: given.held, optimizer: given.optimizer,
  };
  const places = () => state.axes.map(name => parameters.indexOf(name));
  const onAxes = point => places().map(k => point[k]);
  const put = (point, values) => { const moved = point.slice(); places().forEach((k, j) => { moved[k] = values[j]; }); return moved; };
  const span = (low, high, size) => Array.from({ length: size }, (_, i) => low + (high - low) * i / (size - 1));
  const short = (x, digits = 6) => Number.isFinite(x)
    ? String(Number(x.toPrecision(digits))).replace("e+", "e").replace(/^-/, "−") : "—";
  const minimum = marks.find(mark => mark.kind.includes("minimum"));

  // ---------------------------------------------------------------------------------------------------- the surface
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

  // -------------------------------------------------------------------------------------------------------- drawing
  const CONFIG = { responsive: true, displayModeBar: false, doubleClick: "reset" };

  function layout(xTitle, yTitle) {
    const ink = getComputedStyle(root).color, faint = "rgba(128,128,128,0.3)";
    const axis = title => ({ title: { text: title }, gridcolor: faint, zeroline: false, linecolor: ink, tickcolor: faint, automargin: true, exponentformat: "e" });
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, size: 12 },
      margin: { l: 50, r: 10, t: 10, b: 40 }, hovermode: "closest", uirevision: "kept",
      xaxis: axis(xTitle), yaxis: axis(yTitle),
      legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom", font: { size: 11 } },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", // where a finger scrolls the page
    };
  }

  let ground = null; // what sliders of the start do not change

  function drawSurface(run) {
    const flat = state.axes.length === 1;
    if (ground === null && !flat) ground = [surface(), arrows(), ...valleys()].filter(Boolean);
    const under = flat ? profile() : ground;
    for (const trace of under) if (trace.type === "contour") trace.showscale = root.clientWidth >= 560;
    const extra = layout(state.axes[0], flat ? "loss" : state.axes[1]);
    extra.xaxis.range = [state.window.low[0], state.window.high[0]];
    if (!flat) extra.yaxis.range = [state.window.low[1], state.window.high[1]];
    extra.uirevision = JSON.stringify(state.window);
    Plotly.react(part("surface"), [...under, ...onSurface(run)], extra, CONFIG);
  }

  function drawCurve(run) {
    const steps = run.path.map(place => place.step), values = run.path.map(place => place.value);
    const low = Math.min(...values), high = Math.max(...values), decades = low > 0 && high >= 10 * low;
    const lines = [{ type: "scatter", mode: "lines", name: "loss", x: steps, y: values, line: { color: COLOURS.path } }];
    if (minimum) lines.push({
      type: "scatter", mode: "lines", name: "minimum", x: [0, Math.max(1, run.steps)], y: [minimum.loss, minimum.loss],
      line: { color: COLOURS.minimum, dash: "dash" },
    });
    const extra = layout("step", "loss");
    extra.yaxis.type = decades && (!minimum || minimum.loss > 0) ? "log" : "linear";
    if (extra.yaxis.type === "log") Object.assign(extra.yaxis, { exponentformat: "power" }, high > 50 * low ? { dtick: 1 } : {});
    Plotly.react(part("curve"), lines, extra, CONFIG);
  }

  function drawData(run) {
    if (!fitted) return;
    const xs = columns[fitted.x], low = Math.min(...xs), high = Math.max(...xs), u = span(low, high, 121);
    const line = (name, point, colour, dash) => ({
      type: "scatter", mode: "lines", name, x: u, y: u.map(x => formulas.fitted(point, x)).map(y => isFinite(y) ? y : null),
      line: { color: colour, dash, width: 2 },
    });
    const traces = [
      { type: "scatter", mode: "markers", name: "data", x: xs, y: columns[fitted.y], marker: { color: COLOURS.data, size: 4 } },
      line("start", state.start, COLOURS.start, "dot"), line("end", run.last.point, COLOURS.end, "solid"),
    ];
    if (minimum) traces.push(line("minimum", minimum.point, COLOURS.minimum, "dash"));
    const ys = columns[fitted.y], room = 0.6 * (Math.max(...ys) - Math.min(...ys) || 1);
    const extra = layout(fitted.x, fitted.y); // a wild curve does not make the data small
    extra.yaxis.range = [Math.min(...ys) - room / 4, Math.max(...ys) + room / 4];
    Plotly.react(part("data"), traces, extra, CONFIG);
  }

  // -------------------------------------------------------------------------------------------------------- numbers
  function show(name, value) {
    const cell = part(name);
    if (cell) { cell.textContent = short(value); cell.dataset.value = String(value); }
  }

  function numbers(run) {
    show("start-loss", run.path[0].value);
    show("end-loss", run.last.value);
    gradient(state.start).forEach((slope, k) => show(`start-slope-${k}`, slope));
    gradient(run.last.point).forEach((slope, k) => show(`end-slope-${k}`, slope));
    state.start.forEach((x, k) => show(`start-value-${k}`, x));
    run.last.point.forEach((x, k) => show(`end-value-${k}`, x));
    part("message").textContent = message(run);
    pathTable(run);
  }

  function pathTable(run) { // some fifty places of the path, the last one included
    const details = part("path");
    if (!details.open) return;
    const stride = Math.ceil(run.path.length / 50), rows = run.path.filter((_, i) => i % stride === 0);
    if (rows[rows.length - 1] !== run.last) rows.push(run.last);
    const row = (tag, cells) => {
      const line = document.createElement("tr");
      for (const text of cells) line.appendChild(document.createElement(tag)).textContent = text;
      return line;
    };
    details.querySelector("table").replaceChildren(
      row("th", ["step", "loss", ...parameters]),
      ...rows.map(place => row("td", [String(place.step), short(place.value), ...place.point.map(x => short(x))])),
    );
  }

  part("path").addEventListener("toggle", () => { if (last) pathTable(last); });

  function message(run) {
    const count = run.steps.toLocaleString("en-US"), steps = `${count} step${run.steps === 1 ? "" : "s"}`;
    const words = [];
    if (!isFinite(run.path[0].value)) words.push("The loss has no value at this start: it lies outside the domain");
    else if (run.ended) words.push(`After ${steps} ${run.ended}; the lowest loss was ${short(run.best.value)}, after step ${run.best.step}`);
    else words.push(`${steps} end at a loss of ${short(run.last.value)}`);
    const excess = minimum && minimum.loss > 0 ? run.last.value / minimum.loss - 1 : NaN;
    if (!run.ended && isFinite(excess)) {
      if (excess < 1e-12) words.push("as low as the minimum");
      else if (excess <= given.percent) words.push(`${short(100 * excess, 2)} % above the minimum`);
      else words.push(`${short(1 + excess, 2)} times the minimum`);
    }
    const stride = Math.ceil(run.path.length / Math.max(2, Math.min(1000, 2e7 / given.operations)));
    const curvatures = run.path.filter((_, i) => i % stride === 0).map(place => largestCurvature(place.point));
    const product = state.rate * Math.max(...curvatures.filter(isFinite));
    if (state.optimizer === "gd" && product > 0 && isFinite(product)) {
      const about = `the largest curvature on the path times the rate is ${short(product, 2)}`;
      words.push(product > 2 ? `${about} > 2, where steps overshoot` : `${about} < 2`);
    }
    return `${words.join("; ")}.`;
  }

  // ------------------------------------------------------------------------------------------------------- controls
  const controls = [];

  function control(name, read, write, scale) { // a slider and a box of numbers that say the same
    const slider = part(`slider-${name}`), box = part(`box-${name}`);
    const shown = () => {
      box.value = String(read());
      slider.value = String(scale ? Math.log10(read()) : read());
      slider.setAttribute("aria-valuetext", short(read()));
    };
    slider.addEventListener("input", () => { write(scale ? Math.pow(10, Number(slider.value)) : Number(slider.value)); refresh(); });
    box.addEventListener("change", () => {
      const value = box.value.trim() === "" ? NaN : Number(box.value);
      if (isFinite(value) && (!scale || value > 0)) write(value);
      refresh();
    });
    controls.push(shown);
  }

  parameters.forEach((name, k) => control(`parameter-${k}`, () => state.start[k], value => {
    state.start = state.start.slice();
    state.start[k] = value;
  }));
  control("rate", () => state.rate, value => { state.rate = value; }, true);
  control("steps", () => state.steps, value => {
    state.steps = Math.max(1, Math.min(given.most_steps, Math.round(value)));
  }, true);

  part("again").addEventListener("click", () => {
    Object.assign(state, { start: given.start.slice(), rate: given.rate, steps: given.steps, optimizer: given.optimizer });
    part("optimizer").value = state.optimizer;
    look(windows[0]);
  });

  part("optimizer").addEventListener("change", event => {
    state.optimizer = event.target.value;
    refresh();
  });

  function look(window) {
    state.window = window;
    ground = null;
    const choice = part("window");
    if (choice) choice.value = String(windows.indexOf(window));
    refresh();
  }

  const windowChoice = part("window");
  if (windowChoice) windowChoice.addEventListener("change", () => {
    if (Number(windowChoice.value) >= 0) look(windows[Number(windowChoice.value)]);
  });

  [0, 1].forEach(k => {
    const choice = part(`axis-${k}`);
    if (!choice) return;
    choice.addEventListener("change", () => {
      const other = state.axes[1 - k];
      if (choice.value === other) state.axes = state.axes.slice().reverse();
      else state.axes = k === 0 ? [choice.value, other] : [other, choice.value];
      [0, 1].forEach(j => { part(`axis-${j}`).value = state.axes[j]; });
      const limits = state.axes.map(name => given.reach[name]);
      look({ name: "", low: limits.map(limit => limit[0]), high: limits.map(limit => limit[1]) });
    });
  });

  let waiting = false, last = null;

  function refresh() { // once a frame
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }

  function draw() {
    last = descent(state.start, state.rate, state.steps);
    controls.forEach(shown => shown());
    numbers(last);
    drawSurface(last);
    drawCurve(last);
    drawData(last);
  }

  draw();
  const plot = part("surface");
  plot.on("plotly_relayout", change => { // a zoom is drawn as finely as the whole
    if (state.axes.length !== 2) return;
    if (change["xaxis.autorange"] || change["yaxis.autorange"]) return look(windows[0]);
    const x = [change["xaxis.range[0]"] ?? state.window.low[0], change["xaxis.range[1]"] ?? state.window.high[0]];
    const y = [change["yaxis.range[0]"] ?? state.window.low[1], change["yaxis.range[1]"] ?? state.window.high[1]];
    if ("xaxis.range[0]" in change || "yaxis.range[0]" in change) look({ name: "", low: [x[0], y[0]], high: [x[1], y[1]] });
  });
  plot.on("plotly_click", event => { // a click on the surface starts there
    const at = event.points[0];
    if (!at || at.data.type !== "contour") return;
    state.start = put(state.start, [at.x, at.y]);
    refresh();
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  if (dark.addEventListener) dark.addEventListener("change", refresh);
  addEventListener("resize", refresh);
  root.explorer = { loss, gradient, hessian, descent, largestCurvature, state, run: () => last, levelsOf };
}
