// From the faults of a preview (a pointer, a line and column of the text there) to places in an
// editor, whose text is that text itself or a JSON document that holds it.

/** CodeMirror diagnostics of the faults that belong to the field with `data-pointer`. */
export function placesOf(faults, area, doc) {
  const own = area.dataset.pointer;
  const text = doc.toString();
  return faults
    .filter((fault) => fault.pointer === own || fault.pointer.startsWith(`${own}/`))
    .map((fault) => diagnostic(fault, offsetOf(fault, own, text), text));
}

function diagnostic(fault, at, text) {
  const end = Math.min(Math.max(at, 0), text.length);
  let from = end;
  while (from > 0 && /[\w$`]/.test(text[from - 1])) from -= 1;
  let to = end;
  while (to < text.length && /[\w$`]/.test(text[to])) to += 1;
  if (from === to && from > 0 && text[from - 1] !== "\n") from -= 1;
  return { from, to, severity: "error", message: fault.detail };
}

function offsetOf(fault, own, text) {
  const within = fault.line === null ? 0 : 1;
  if (fault.pointer === own && !parsed(text)) {
    return within ? offset(text, fault.line, fault.column) : 0;
  }
  const inner = at(parsed(text), fault.pointer.slice(own.length));
  if (typeof inner !== "string") return 0;
  const written = JSON.stringify(inner);
  const begin = text.indexOf(written);
  if (begin < 0) return 0;
  return begin + (within ? 1 + escapedOffset(inner, fault) : 0);
}

/** How far a line and column of a string are into its JSON. */
function escapedOffset(inner, fault) {
  const before = inner.slice(0, offset(inner, fault.line, fault.column));
  return JSON.stringify(before).length - 2;
}

function offset(text, line, column) {
  let at = 0;
  for (let left = line; left > 1; left -= 1) {
    const end = text.indexOf("\n", at);
    if (end < 0) return text.length;
    at = end + 1;
  }
  return at + column - 1;
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function at(document, pointer) {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((value, part) => value?.[part], document);
}
