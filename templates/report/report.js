"use strict";
// Draws what the page holds in its JSON: lines with uPlot, heat maps on canvases. Colours are those of the style sheet.
const DATA = JSON.parse(document.getElementById("data").textContent);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const series = (i) => () => colour(`--s${i % 8}`);
const shown = (v) => (v == null ? "" : Math.abs(v) >= 1000 ? v.toFixed(0) : String(+v.toPrecision(4)));

function shade(chart) {
  return (u) => {
    const x = u.scales.x.min;
    if (!chart.shade || chart.shade < x) return;
    const right = Math.min(u.valToPos(chart.shade, "x", true), u.bbox.left + u.bbox.width);
    u.ctx.save();
    u.ctx.fillStyle = "rgba(127, 127, 127, .12)";
    u.ctx.fillRect(u.bbox.left, u.bbox.top, right - u.bbox.left, u.bbox.height);
    u.ctx.fillStyle = colour("--faint");
    u.ctx.textAlign = "left";
    u.ctx.textBaseline = "top";
    u.ctx.font = `${11 * devicePixelRatio}px system-ui`;
    u.ctx.fillText("warm-up", u.bbox.left + 6 * devicePixelRatio, u.bbox.top + 4 * devicePixelRatio);
    u.ctx.restore();
  };
}

function options(chart, width) {
  const single = chart.x.length < 2;
  const axis = { stroke: () => colour("--faint"), grid: { stroke: () => colour("--rule"), width: 1 }, ticks: { show: false } };
  const lines = chart.lines.map((line, i) => {
    const points = line.style === "points";
    const chosen = line.label === "chosen";
    return {
      label: line.label,
      stroke: chosen ? series(1) : series(i + (i > 0 && chart.lines.some((l) => l.label === "chosen") ? 1 : 0)),
      width: points ? 0 : 2,
      dash: line.style === "dashed" ? [6, 4] : undefined,
      paths: points ? () => null : line.style === "steps" ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: { show: points || single || chart.x.length < 40, size: chosen ? 14 : points ? 6 : 5, width: chosen ? 2 : 1, fill: points && !chosen ? series(i) : () => "transparent" },
      spanGaps: true,
      value: (u, v, s, at) => (at != null && line.names.length && v != null ? `${line.names[at]} ${shown(v)}` : shown(v)),
    };
  });
  const epochs = chart.x_label === "epoch";
  const [first, last] = [chart.x[0], chart.x[chart.x.length - 1]];
  const margin = epochs ? (single ? 1 : 0) : (last - first) * 0.03 || 1;
  return {
    width,
    height: 270,
    scales: {
      x: { time: false, range: [first - margin, last + margin] },
      y: { range: chart.unit ? [0, 1.02] : undefined },
    },
    axes: [
      { ...axis, label: chart.x_label, labelSize: 20, size: 34, incrs: epochs ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] : undefined },
      { ...axis, label: chart.y_label, labelSize: 20, size: 52 },
    ],
    series: [{ label: chart.x_label, value: (u, v) => shown(v) }, ...lines],
    hooks: { drawClear: [shade(chart)] },
    cursor: { drag: { x: true, y: false } },
  };
}

const plots = [];
for (const [id, chart] of Object.entries(DATA.charts)) {
  const place = document.getElementById(id);
  const plot = new uPlot(options(chart, Math.max(200, place.clientWidth)), [chart.x, ...chart.lines.map((line) => line.values)], place);
  plots.push(plot);
  const fit = () => place.clientWidth && place.clientWidth !== plot.width && plot.setSize({ width: place.clientWidth, height: 270 });
  new ResizeObserver(() => requestAnimationFrame(fit)).observe(place);
}

function drawHeat(canvas, heat) {
  const figures = "square" in canvas.dataset && heat.columns.length <= 16;
  const side = figures ? 96 : 1;
  canvas.width = heat.columns.length * side;
  canvas.height = heat.names.length * side;
  const context = canvas.getContext("2d");
  context.font = "26px system-ui";
  context.textAlign = "center";
  heat.rows.forEach((row, y) => row.forEach((value, x) => {
    context.fillStyle = `rgba(${colour("--heat")}, ${value})`;
    context.fillRect(x * side, y * side, side, side);
    if (!figures || !value) return;
    context.fillStyle = colour("--text");
    context.fillText(`${Math.round(100 * value)} %`, (x + 0.5) * side, (y + 0.6) * side);
  }));
}

const heats = [...document.querySelectorAll("canvas[data-heat]")].map((canvas) => [canvas, DATA.heats[canvas.dataset.heat]]);
for (const [canvas, heat] of heats) {
  const reading = canvas.parentElement.querySelector(".reading");
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const x = Math.min(heat.columns.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * heat.columns.length)));
    const y = Math.min(heat.names.length - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * heat.names.length)));
    const share = heat.rows[y][x];
    canvas.title = reading ? "" : `${heat.names[y]}, ${heat.columns[x]}: ${share.toFixed(3)}`;
    if (reading) reading.textContent = `${(100 * share).toFixed(1)} % of ${heat.names[y]} predicted as ${heat.columns[x]}`;
  });
}

function drawAll() {
  for (const [canvas, heat] of heats) drawHeat(canvas, heat);
  for (const plot of plots) plot.redraw(false);
}
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
