// Draws a chart into each element with data-chart: {unit, lines, columns}, the first column being
// seconds since 1970, the others a line each: {name, colour}. Colours come from the page, so charts
// are drawn anew when the reader switches between light and dark.

import uPlot from "uplot";

const HEIGHT = 190;
const LINE_COLOURS = 7;
const drawn = new Map();

// Steps between the lines of an axis of durations, from a microsecond to ten days.
const SECONDS = [
  ...[-6, -5, -4, -3, -2, -1].flatMap((power) => [1, 2, 5].map((n) => n * 10 ** power)),
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800],
  ...[1, 2, 4, 6, 12, 24, 48, 120, 240].map((hours) => hours * 3600),
];

const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const COMPACT = new Intl.NumberFormat(undefined, { notation: "compact" });

export function draw(root) {
  for (const [place, chart] of drawn) {
    if (place.isConnected) continue;
    chart.destroy();
    drawn.delete(place);
  }
  for (const place of root.querySelectorAll("[data-chart]")) {
    if (!drawn.has(place)) drawn.set(place, chartIn(place));
  }
}

export function drawAgain() {
  for (const [place, chart] of drawn) {
    chart.destroy();
    drawn.set(place, chartIn(place));
  }
}

export function fit() {
  for (const [place, chart] of drawn) {
    chart.setSize({ width: place.clientWidth, height: HEIGHT });
  }
}

function chartIn(place) {
  const { unit, lines, columns } = JSON.parse(place.dataset.chart);
  const written = unit === "seconds" ? duration : (value) => NUMBER.format(value);
  const short = unit === "seconds" ? duration : (value) => COMPACT.format(value);
  const text = colour(place, "--fs-grey");
  const grid = { stroke: colour(place, "--tblr-border-color"), width: 1 };
  const axis = { stroke: text, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    padding: [null, 26, null, null],
    cursor: { y: false, points: { size: 6 } },
    legend: { show: true, live: true },
    scales: { y: { range: (_chart, _least, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: [
      { ...axis, space: 70, values: moments },
      {
        ...axis,
        size: 62,
        space: 26,
        incrs: unit === "seconds" ? SECONDS : undefined,
        values: (_chart, values) => values.map(short),
      },
    ],
    series: [
      { label: "\u200b", value: (_chart, at) => (at === null ? "" : clock(at)) },
      ...lines.map((one) => line(place, one, written)),
    ],
  };
  return new uPlot(options, columns, place);
}

function line(place, one, written) {
  const stroke = colour(place, `--fs-line-${(one.colour % LINE_COLOURS) + 1}`);
  return {
    label: one.name,
    stroke,
    width: 2,
    spanGaps: false,
    points: { show: (chart, series) => alone(chart.data[series]), size: 5, fill: stroke },
    value: (_chart, value) => (value === null || value === undefined ? "" : written(value)),
  };
}

/** Whether there are values without neighbours: a line alone would not show them. */
function alone(values) {
  const known = (value) => value !== null && value !== undefined;
  return values.some((value, at) => known(value) && !known(values[at - 1]) && !known(values[at + 1]));
}

/** The time axis in the reader's way of writing; the day where it begins. */
function moments(_chart, splits, _axis, _space, step) {
  let day = "";
  return splits.map((at) => {
    const moment = new Date(at * 1000);
    const own = moment.toLocaleDateString(undefined, { day: "numeric", month: "short" });
    if (step >= 86_400) return own;
    const time = moment.toLocaleTimeString(undefined, { timeStyle: "short" });
    const first = own !== day;
    day = own;
    return first ? `${time}\n${own}` : time;
  });
}

function clock(at) {
  return new Date(at * 1000).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
}

function duration(seconds) {
  if (seconds === 0) return "0";
  if (seconds < 1e-3) return `${NUMBER.format(Math.round(seconds * 1e6))} µs`;
  if (seconds < 1) return `${NUMBER.format(Number((seconds * 1e3).toPrecision(3)))} ms`;
  if (seconds < 120) return `${NUMBER.format(Number(seconds.toPrecision(3)))} s`;
  if (seconds < 7200) return `${NUMBER.format(Math.round(seconds / 60))} min`;
  return `${NUMBER.format(Number((seconds / 3600).toPrecision(3)))} h`;
}

/** A colour of the page as a canvas understands it: variables hold light and dark in one. */
function colour(place, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  place.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
