// Data processing as a table of fields: the text of an object whose keys are texts, read into rows
// and written from rows. A nested object becomes rows of dotted fields; every other value, simple or
// not, is the text of its expression.

import { pathParts } from "./paths.js";

const LITERAL = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/;
const CLOSING = { "{": "}", "(": ")", "[": "]" };

/** Rows `{field: [names], value: text}`; null where the text is more than such an object. */
export function rowsOf(text) {
  const body = inside(text);
  return body === null ? null : flattened(body, []);
}

/** The text of an object with these rows; rows without a value are left out. */
export function textOf(rows) {
  const tree = new Map();
  for (const { field, value } of rows) {
    if (!field.length || field.some((name) => !name) || !value.trim()) continue;
    if (!put(tree, field, value.trim())) return null;
  }
  return tree.size ? written(tree, "") : "{}";
}

/** Whether a value is a path or a literal: what people who do not program write. */
export function isSimple(value) {
  return LITERAL.test(value) || pathParts(value) !== null;
}

function flattened(body, above) {
  const rows = [];
  for (const part of split(body, ",") ?? [null]) {
    if (part === null) return null;
    if (!part.trim()) {
      if (body.trim()) return null;
      continue;
    }
    const pair = split(part, ":");
    const key = pair?.length === 2 ? keyOf(pair[0].trim()) : null;
    if (key === null) return null;
    const value = pair[1].trim();
    const nested = inside(value);
    const inner = nested?.trim() ? flattened(nested, [...above, key]) : null;
    if (inner) rows.push(...inner);
    else rows.push({ field: [...above, key], value });
  }
  return rows;
}

/** What stands between the braces of an object that is all of the text. */
function inside(text) {
  const trimmed = text.trim();
  if (!trimmed.startsWith("{") || !trimmed.endsWith("}")) return null;
  const parts = split(trimmed.slice(1, -1), ",");
  return parts ? trimmed.slice(1, -1) : null;
}

function keyOf(text) {
  if (!/^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')$/.test(text)) return null;
  if (text[0] === '"') {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
  return text.includes("\\") ? null : text.slice(1, -1);
}

/** The parts of a text between a separator that stands outside of brackets and strings; null where
 * brackets do not match, or there are comments, which a table would lose. */
function split(text, separator) {
  const parts = [];
  const open = [];
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const next = text[at];
    if (next === '"' || next === "'" || next === "`") {
      at = closing(text, at);
      if (at < 0) return null;
    } else if (next === "/" && text[at + 1] === "*") return null;
    else if (CLOSING[next]) open.push(CLOSING[next]);
    else if (next === "}" || next === ")" || next === "]") {
      if (open.pop() !== next) return null;
    } else if (next === separator && !open.length && !(next === ":" && text[at + 1] === "=")) {
      parts.push(text.slice(from, at));
      from = at + 1;
      if (separator === ":" && parts.length === 1) break; // the first one ends the key
    }
  }
  if (open.length) return null;
  parts.push(text.slice(from));
  return parts;
}

function closing(text, at) {
  const quote = text[at];
  for (let next = at + 1; next < text.length; next += 1) {
    if (text[next] === "\\" && quote !== "`") next += 1;
    else if (text[next] === quote) return next;
  }
  return -1;
}

function put(tree, field, value) {
  let level = tree;
  for (const name of field.slice(0, -1)) {
    if (!level.has(name)) level.set(name, new Map());
    level = level.get(name);
    if (!(level instanceof Map)) return false;
  }
  const last = field.at(-1);
  if (level.has(last)) return false;
  level.set(last, value);
  return true;
}

function written(tree, indent) {
  const inner = `${indent}  `;
  const lines = [...tree].map(([name, value]) => {
    const text = value instanceof Map ? written(value, inner) : value;
    return `${inner}${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${lines.join(",\n")}\n${indent}}`;
}
