// <time datetime="..." data-local="moment|day|clock|ago">: written in the reader's zone and
// language; the exact moment, with its zone, is the tooltip.

import { once } from "./once.js";

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

function ago(at) {
  const seconds = (at - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return AGO.format(Math.trunc(seconds / length), unit);
}

const WRITTEN = {
  moment: (at) => MOMENT.format(at),
  day: (at) => DAY.format(at),
  clock: (at) => CLOCK.format(at),
  ago,
};

export function localTimes(root) {
  once(root, "time[data-local]", "local-time", (element) => {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) return;
    element.textContent = (WRITTEN[element.dataset.local] ?? WRITTEN.moment)(at);
    element.title = WHOLE.format(at);
  });
}
