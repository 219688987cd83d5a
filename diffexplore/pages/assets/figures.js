"use strict";
// Draws every figure of the page from the JSON beside it. Colours of letters and lines come from the style sheet.
(() => {
  const config = {responsive: true, displaylogo: false, displayModeBar: "hover", modeBarButtonsToRemove: ["select2d", "lasso2d", "toImage"]};
  for (const figure of document.querySelectorAll("figure[data-figure]")) {
    const {data, layout} = JSON.parse(figure.querySelector("script").textContent);
    const plot = figure.querySelector(".plot");
    Plotly.newPlot(plot, data, layout, config);
  }
})();
