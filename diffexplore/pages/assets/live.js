// The live section: a loss surface with a descent on it, recomputed from the simplified formulas as sliders move.
// It draws with Plotly, which the page brings along, and asks for nothing from anywhere.
//
// `root` is the section; `given` what diffexplore found; `formulas` functions made from the loss, of a point, the columns
// and the number of a sample.
function diffexploreLive(root, given, formulas) {
  "use strict";
  const { parameters, columns, windows, fitted } = given;
  const part = name => root.querySelector(`[data-part="${name}"]`);
  const state = {
    axes: given.axes.slice(), start: given.start.slice(), rate: given.rate, steps: given.steps, window: windows[0],
    held: given.held, optimizer: given.optimizer,
  };
  const computed = diffexploreLoss(given, formulas), { loss, gradient, hessian, largestCurvature } = computed;
  const descent = (start, rate, steps, optimizer = state.optimizer) => computed.descent(start, rate, steps, optimizer);
  const traces = diffexploreTraces(root, given, state, computed), { COLOURS, minimum, put, span, short } = traces;

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
    if (ground === null && !flat) ground = [traces.surface(), traces.arrows(), ...traces.valleys()].filter(Boolean);
    const under = flat ? traces.profile() : ground;
    for (const trace of under) if (trace.type === "contour") trace.showscale = root.clientWidth >= 560;
    const extra = layout(state.axes[0], flat ? "loss" : state.axes[1]);
    extra.xaxis.range = [state.window.low[0], state.window.high[0]];
    if (!flat) extra.yaxis.range = [state.window.low[1], state.window.high[1]];
    extra.uirevision = JSON.stringify(state.window);
    Plotly.react(part("surface"), [...under, ...traces.onSurface(run)], extra, CONFIG);
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
    const lines = [
      { type: "scatter", mode: "markers", name: "data", x: xs, y: columns[fitted.y], marker: { color: COLOURS.data, size: 4 } },
      line("start", state.start, COLOURS.start, "dot"), line("end", run.last.point, COLOURS.end, "solid"),
    ];
    if (minimum) lines.push(line("minimum", minimum.point, COLOURS.minimum, "dash"));
    const ys = columns[fitted.y], room = 0.6 * (Math.max(...ys) - Math.min(...ys) || 1);
    const extra = layout(fitted.x, fitted.y); // a wild curve does not make the data small
    extra.yaxis.range = [Math.min(...ys) - room / 4, Math.max(...ys) + room / 4];
    Plotly.react(part("data"), lines, extra, CONFIG);
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
  root.explorer = { loss, gradient, hessian, descent, largestCurvature, state, run: () => last, levelsOf: traces.levelsOf };
}
