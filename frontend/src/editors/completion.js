// Completion of names from the sample that is chosen and from the document: query., body., input.,
// steps., headers., and JSONata's functions.

import { kindOf, nameText, pathParts, shortText, valueAt } from "./paths.js";

const BEFORE = /((?:(?:[A-Za-z_]\w*|`[^`\n]*`)(?:\[\d+\])?\.)*)([A-Za-z_]\w*|`[^`\n]*|)$/;
const FUNCTION = /\$\w*$/;
const FUNCTIONS =
  "abs append average base64decode base64encode boolean ceil contains count distinct each error " +
  "eval exists filter floor formatNumber fromMillis join keys length lookup lowercase map match " +
  "max merge millis min not now number pad power reduce replace reverse round sift single sort " +
  "split spread sqrt string substring substringAfter substringBefore sum toMillis trim type " +
  "uppercase zip";

const functions = FUNCTIONS.split(" ")
  .filter((name) => name !== "eval")
  .map((name) => ({ label: `$${name}`, apply: `$${name}(`, type: "function" }));

/** `known()`: what expressions see, as the last preview told; `templated`: only within {% %}. */
export function completing(known, templated) {
  return (context) => {
    const before = context.state.sliceDoc(Math.max(0, context.pos - 2000), context.pos);
    if (templated && before.lastIndexOf("{%") <= before.lastIndexOf("%}")) return null;
    const call = context.matchBefore(FUNCTION);
    if (call) return { from: call.from, options: functions, validFor: /^\$\w*$/ };
    const [, path, word] = BEFORE.exec(before);
    if (!path && !word && !context.explicit) return null;
    if (!path && /["']$/.test(before.slice(0, before.length - word.length))) return null;
    const options = named(known(), path);
    if (!options.length) return null;
    return { from: context.pos - word.length, options, validFor: /^`?[\w-]*$/ };
  };
}

function named(seen, path) {
  const parts = path ? pathParts(path.slice(0, -1)) : [];
  if (!parts || !seen) return [];
  let value = valueAt(seen, parts);
  if (Array.isArray(value)) [value] = value;
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).map(([name, item]) => ({
    label: nameText(name),
    type: kindOf(item) === "object" ? "namespace" : "property",
    detail: item === undefined ? "" : kindOf(item),
    info: item === undefined ? undefined : shortText(item) || undefined,
    boost: path ? 0 : order(name),
  }));
}

function order(name) {
  const first = ["steps", "input", "body", "query"].indexOf(name);
  return first < 0 ? 0 : first + 1;
}
