// The table of data processing: one row for each field of the workflow's input, beside the text of
// the same expression. A change in one is seen in the other; a text that is more than an object of
// fields is not shown as a table, and the table says so. Fields that a typed Python workflow takes
// stand there by themselves, to be filled.

import { write } from "./field.js";
import { hear } from "./heard.js";
import { isSimple, rowsOf, textOf } from "./object_text.js";
import { pathParts, valueAt } from "./paths.js";

const DEFAULT = '{"query": query, "body": body}';

export function tables(root) {
  for (const part of root.querySelectorAll("[data-fields-of]")) new Table(part);
}

class Table {
  constructor(part) {
    this.part = part;
    this.area = document.getElementById(part.dataset.fieldsOf);
    this.body = part.querySelector("tbody");
    this.beyond = part.querySelector("[data-beyond]");
    this.inner = part.querySelector("[data-within]");
    this.typed = [];
    this.active = null;
    this.sees = null;
    this.area.addEventListener("input", () => this.read());
    part.querySelector("[data-add-field]").addEventListener("click", () => this.add().name.focus());
    hear("pick", (picked) => this.pick(picked));
    hear("preview", (found) => this.look(found.sees));
    hear("typed", (fields) => this.expect(fields));
    this.read();
  }

  /** The rows of the text, unless they are what the text was written of. */
  read() {
    if (this.area.value.trim() && this.area.value === this.written) return;
    const text = this.area.value.trim() || (this.typed.length ? "{}" : DEFAULT);
    const rows = rowsOf(text);
    this.beyond.hidden = rows !== null;
    this.inner.hidden = rows === null;
    if (!rows) return;
    this.rows = [];
    this.body.replaceChildren();
    for (const row of rows) this.add(row.field.join("."), row.value);
    this.missing();
  }

  /** The text of the rows. */
  write() {
    const rows = this.rows.map((row) => ({
      field: row.name.value.trim().split("."),
      value: expressionOf(row),
    }));
    const text = textOf(rows.filter((row) => row.field[0]));
    for (const row of this.rows) row.name.classList.toggle("is-invalid", text === null);
    if (text === null) return;
    this.written = text;
    write(this.area, text);
  }

  add(field = "", value = "", kind = null) {
    const made = this.part.querySelector("template").content.cloneNode(true);
    const line = made.querySelector("tr");
    const row = {
      line,
      name: line.querySelector("[data-field-name]"),
      kind: line.querySelector("[data-field-kind]"),
      value: line.querySelector("[data-field-value]"),
      shown: line.querySelector("[data-field-shown]"),
    };
    row.name.value = field;
    row.kind.value = kind ?? kindOf(value);
    row.value.value = row.kind.value === "text" ? JSON.parse(quoted(value)) : value;
    line.addEventListener("input", () => this.write());
    line.addEventListener("focusin", () => this.activate(row));
    row.kind.addEventListener("change", () => this.write());
    line.querySelector("[data-field-remove]").addEventListener("click", () => this.remove(row));
    this.rows.push(row);
    this.body.append(line);
    this.name(row);
    return row;
  }

  remove(row) {
    this.rows = this.rows.filter((other) => other !== row);
    row.line.remove();
    this.active = null;
    this.write();
    this.missing();
    this.part.querySelector("[data-add-field]").focus();
  }

  activate(row) {
    this.active?.line.classList.remove("fs-active");
    this.active = row;
    row.line.classList.add("fs-active");
  }

  /** A path was clicked: into the row that is worked on, else into a new one of its name. */
  pick({ parts, path }) {
    if (this.part.hidden || this.inner.hidden) return; // pick.js takes it where the text is shown
    const named = String(parts.findLast((part) => typeof part === "string"));
    const same = this.rows.find((row) => row.name.value === named && !row.value.value);
    let row = this.active ?? same ?? this.add(this.free(named));
    if (row.value.value && row !== this.active) row = this.add(this.free(named));
    row.kind.value = "path";
    row.value.value = path;
    if (!row.name.value) row.name.value = this.free(named);
    this.name(row);
    this.write();
    this.show(row);
    row.line.classList.remove("fs-active");
    this.active = null;
  }

  free(name) {
    const taken = new Set(this.rows.map((row) => row.name.value));
    if (!taken.has(name)) return name;
    let number = 2;
    while (taken.has(`${name}_${number}`)) number += 1;
    return `${name}_${number}`;
  }

  look(sees) {
    this.sees = sees;
    for (const row of this.rows ?? []) this.show(row);
  }

  /** What the row's path is in the sample. */
  show(row) {
    const parts = row.kind.value === "path" ? pathParts(row.value.value.trim()) : null;
    const value = parts && this.sees ? valueAt(this.sees, parts) : undefined;
    const text = value === undefined ? "" : JSON.stringify(value);
    row.shown.textContent = text.length > 60 ? `${text.slice(0, 59)}…` : text;
  }

  expect(fields) {
    this.typed = fields;
    if (this.area.value.trim()) this.missing();
    else this.read();
  }

  /** Rows of typed fields that have none yet, and what is known of those that have. */
  missing() {
    for (const field of this.typed) {
      const name = field.path.join(".");
      let row = this.rows.find((other) => other.name.value === name);
      const above = this.rows.some((other) => name.startsWith(`${other.name.value}.`));
      if (!row && !above) row = this.add(name, "", "path");
      if (!row) continue;
      const hint = row.line.querySelector("[data-field-hint]");
      hint.textContent = `${field.type}${field.required ? ", required" : ""}`;
      hint.title = field.description ?? "";
    }
  }

  /** Names the row's controls for screen readers. */
  name(row) {
    const name = row.name.value || "new field";
    row.kind.setAttribute("aria-label", `Kind of value of ${name}`);
    row.value.setAttribute("aria-label", `Value of ${name}`);
    row.line.querySelector("[data-field-remove]").setAttribute("aria-label", `Remove ${name}`);
  }
}

function kindOf(value) {
  if (value.startsWith('"') || value.startsWith("'")) return isSimple(value) ? "text" : "expression";
  return !value || pathParts(value) ? "path" : "expression";
}

function quoted(value) {
  return value.startsWith("'") ? JSON.stringify(value.slice(1, -1).replaceAll("\\'", "'")) : value || '""';
}

function expressionOf(row) {
  return row.kind.value === "text" ? JSON.stringify(row.value.value) : row.value.value;
}
