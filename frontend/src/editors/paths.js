// Paths of JSONata: written so that they can be read again, and followed through a sample.

const PLAIN = /^[A-Za-z_]\w*$/;
const RESERVED = new Set(["and", "or", "in", "function", "true", "false", "null"]);
const STEP = /`([^`]*)`|([A-Za-z_]\w*)|\[(\d+)\]/y;

export function nameText(name) {
  return PLAIN.test(name) && !RESERVED.has(name) ? name : `\`${name}\``;
}

/** ["body", "lines", 0, "item"] as body.lines[0].item */
export function pathText(parts) {
  return parts
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : `${index ? "." : ""}${nameText(part)}`,
    )
    .join("");
}

/** The parts of a path that is nothing else; null for any other expression. */
export function pathParts(text) {
  const parts = [];
  let at = 0;
  while (at < text.length) {
    if (parts.length && text[at] === ".") at += 1;
    else if (parts.length && text[at] !== "[") return null;
    STEP.lastIndex = at;
    const found = STEP.exec(text);
    if (!found) return null;
    if (found[3] !== undefined && (!parts.length || text[at - 1] === ".")) return null;
    parts.push(found[1] ?? found[2] ?? Number(found[3]));
    at = STEP.lastIndex;
  }
  return parts.length ? parts : null;
}

/** What stands at a path of a sample; a list stands for its first item, as in JSONata. */
export function valueAt(sample, parts) {
  let value = sample;
  for (const part of parts) {
    if (Array.isArray(value) && typeof part === "string") value = value[0];
    if (value === null || typeof value !== "object") return undefined;
    value = value[part];
  }
  return value;
}

export function kindOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value === "object" ? "object" : typeof value;
}

/** A value in a few characters, for a list or a tree. */
export function shortText(value) {
  const text = Array.isArray(value)
    ? `${value.length} items`
    : kindOf(value) === "object"
      ? ""
      : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
