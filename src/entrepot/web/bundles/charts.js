// Turns each <figure class="chart" data-chart> into a picture. The table in it is the same figures; without this
// script the table is what one reads. Nothing here writes a style attribute or HTML: the policy of the pages holds.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, LineChart, GridComponent, TooltipComponent, LegendComponent, MarkLineComponent, AriaComponent, SVGRenderer]);

const root = document.documentElement;
const drawn = new Map(); // plot → { chart, spec }
const heard = new WeakSet(); // tables that are listened to
const opened = new Set(); // tables that the reader opened, by the figure's id: they stay open when the page is refreshed
const NARROW_PX = 480;

const token = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
const isRightToLeft = () => root.dir === "rtl";
// The words of a picture run in the page's direction, whatever the renderer takes for granted.
const inDirection = (text) => (isRightToLeft() && text ? `\u2067${text}\u2069` : text);
const figures = new Intl.NumberFormat(root.lang === "ar" ? "ar-AE" : "en-GB", { notation: "compact", maximumFractionDigits: 2 });
// A second series is told apart by its pattern too, never by colour alone.
const decals = { waiting: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [3, 3], rotation: 0.8 }, soft: { symbol: "circle", symbolSize: 0.5 }, stop: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -0.8 } };

// The next round number with some air above.
function roundUp(value) {
  const step = 10 ** Math.floor(Math.log10(value)) / 2;
  return Math.ceil((value * 1.05) / step) * step;
}

function picture(spec, width) {
  const ink = token("ink"), soft = token("soft"), line = token("line");
  const isLying = spec.kind === "bars", isLine = spec.kind === "lines", isRtl = isRightToLeft();
  const text = { color: soft, fontFamily: "Plex, sans-serif", fontSize: 12 };
  const marks = spec.references.map((one) => one.value).filter((value) => value !== null); // a line to reach is in sight
  const names = {
    type: "category", data: spec.labels.map(inDirection), axisTick: { show: false }, axisLine: { lineStyle: { color: line } },
    axisLabel: { ...text, hideOverlap: true, width: isLying ? width / 3 : undefined, overflow: isLying ? "break" : "truncate", lineHeight: isLying ? 14 : undefined },
    inverse: isLying || isRtl, boundaryGap: !isLine, position: isLying && isRtl ? "right" : undefined,
  };
  const values = {
    type: spec.log ? "log" : "value", axisLabel: { ...text, formatter: (value) => inDirection(figures.format(value)), hideOverlap: true },
    splitLine: { lineStyle: { color: line } }, splitNumber: width < NARROW_PX ? 3 : 4, name: isLying ? "" : inDirection(spec.unit),
    nameTextStyle: { ...text, align: isRtl ? "right" : "left", padding: [0, 0, 4, 0] }, nameLocation: "end",
    position: isLying ? undefined : isRtl ? "right" : "left", inverse: isLying && isRtl, minInterval: spec.unit ? 0 : 1,
    max: marks.length ? ({ max }) => roundUp(Math.max(max, ...marks)) : undefined,
  };
  return {
    animation: false,
    textStyle: { fontFamily: "Plex, sans-serif" },
    grid: { left: 8, right: 16, top: spec.unit && !isLying ? 36 : 20, bottom: spec.series.length > 1 ? 36 : 8, containLabel: true },
    legend: spec.series.length > 1 ? { bottom: 0, formatter: inDirection, textStyle: { ...text, color: ink }, itemHeight: 10, itemWidth: 16, icon: isLine ? undefined : "rect" } : undefined,
    tooltip: { trigger: "axis", axisPointer: { type: isLine ? "line" : "shadow", shadowStyle: { color: token("tint"), opacity: 0.5 }, lineStyle: { color: soft } }, confine: true, borderWidth: 1, borderColor: line, backgroundColor: token("card"), textStyle: { ...text, color: ink }, transitionDuration: 0, formatter: (points) => told(spec, points) },
    xAxis: isLying ? values : names,
    yAxis: isLying ? names : values,
    series: spec.series.map((one, place) => ({
      type: isLine ? "line" : "bar", name: one.name, data: one.values, stack: spec.kind === "stack" ? "all" : undefined,
      color: token(one.tone), barMaxWidth: 36, symbol: spec.labels.length > 40 ? "none" : ["circle", "diamond", "rect"][place % 3], symbolSize: 6, step: false,
      lineStyle: { width: 2, type: ["solid", "dashed", "dotted"][place % 3] },
      itemStyle: isLine ? undefined : { decal: place ? decals[one.tone] ?? decals.soft : undefined },
      markLine: place ? undefined : against(spec, isLying, text, ink),
    })),
  };
}

function against(spec, isLying, text, ink) {
  if (!spec.references.length) return undefined;
  const [across, along] = isLying ? ["yAxis", "xAxis"] : ["xAxis", "yAxis"];
  return {
    symbol: "none", silent: true, lineStyle: { color: ink, type: "dashed", width: 1 },
    data: spec.references.map((one) => ({
      ...(one.label ? { [across]: inDirection(one.label) } : { [along]: one.value }),
      label: { ...text, color: ink, formatter: one.name, position: isLying ? "start" : one.label ? "end" : isRightToLeft() ? "insideStartTop" : "insideEndTop", distance: 4 },
    })),
  };
}

// What the pointer reads: the reader's words, as elements with classes.
function told(spec, points) {
  const box = document.createElement("div");
  box.className = "chart-told";
  const [{ dataIndex }] = points;
  box.append(Object.assign(document.createElement("strong"), { textContent: spec.labels[dataIndex] }));
  for (const one of spec.series) box.append(Object.assign(document.createElement("span"), { textContent: `${one.name}: ${one.says[dataIndex]}` }));
  return box;
}

function draw(figure) {
  const plot = figure.querySelector(".plot"), spec = figure.dataset.chart;
  const known = drawn.get(plot);
  if (known && known.spec === spec && plot.firstChild) return;
  known?.chart.dispose();
  const parsed = JSON.parse(spec), table = figure.querySelector("details");
  if (parsed.kind === "bars") plot.classList.toggle("tall", parsed.labels.length > 6);
  const chart = init(plot, null, { renderer: "svg" });
  chart.setOption(picture(parsed, plot.clientWidth));
  drawn.set(plot, { chart, spec });
  sizes.observe(plot);
  if (table && !heard.has(table)) {
    table.open = opened.has(figure.id);
    heard.add(table);
    table.addEventListener("toggle", () => (table.open ? opened.add(figure.id) : opened.delete(figure.id)));
  }
}

const sizes = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    const known = drawn.get(target);
    if (!known) continue;
    known.chart.resize();
    known.chart.setOption(picture(JSON.parse(known.spec), target.clientWidth));
  }
});

function drawAll() {
  for (const [plot, { chart }] of drawn) {
    if (plot.isConnected) continue;
    chart.dispose();
    sizes.unobserve(plot);
    drawn.delete(plot);
  }
  document.querySelectorAll("figure.chart[data-chart]").forEach(draw);
}

function recolour() {
  for (const [plot, { chart, spec }] of drawn) chart.setOption(picture(JSON.parse(spec), plot.clientWidth), { notMerge: true });
}

new MutationObserver(recolour).observe(root, { attributes: true, attributeFilter: ["data-theme", "dir", "lang"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
// A refreshed page brings new figures, and empties plots: they are drawn anew. What is drawn into a plot is no news.
new MutationObserver((news) => {
  if (news.some(({ target }) => !target.closest(".plot svg"))) drawAll();
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-chart"] });
root.classList.add("charted"); // on the root, which no refresh touches
document.fonts.ready.then(drawAll);
