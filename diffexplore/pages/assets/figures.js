"use strict";
// Draws every figure of the page from the JSON beside it. Colours of letters and lines come from the style sheet.
(() => {
  // No button covers a figure on a telephone; and none sends the numbers to plotly's servers, as plotly would have it.
  const narrow = matchMedia("(max-width: 40rem)").matches;
  const config = {responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover", showSendToCloud: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "toImage", "zoomIn2d", "zoomOut2d", "autoScale2d"]};
  for (const figure of document.querySelectorAll("figure[data-figure]")) {
    const {data, layout} = JSON.parse(figure.querySelector("script").textContent);
    // A long legend stands below the plot, and takes nothing of its height.
    const entries = data.filter(trace => trace.type === "scatter").length + layout.shapes.length;
    layout.height += narrow ? 19 * Math.max(0, entries - 3) : 10 * Math.max(0, entries - 6);
    const plot = figure.querySelector(".plot");
    Plotly.newPlot(plot, data, layout, config);
  }
})();
