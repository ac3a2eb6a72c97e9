// A path that was picked in the sample goes where the cursor was last: into an editor, within {% %}
// where the text is a template, or into a plain field marked with data-takes-paths.

import { editorOf, insert } from "./field.js";
import { hear } from "./heard.js";

let last = null;

export function picks() {
  document.addEventListener("focusin", (event) => {
    const frame = event.target.closest(".fs-editor");
    if (frame) last = frame.previousElementSibling;
    else if (event.target.matches("[data-takes-paths]")) last = event.target;
  });
  hear("pick", ({ path }) => {
    const table = document.querySelector("[data-fields-of]");
    if (table && !table.hidden) return; // it takes the path itself
    const into = last?.isConnected ? last : document.querySelector("textarea[data-editor]");
    if (!into) return;
    if (editorOf(into)) insert(into, inTemplate(into) ? path : wrapped(into, path));
    else write(into, path);
  });
}

function wrapped(area, path) {
  return area.dataset.editor === "template" ? `{% ${path} %}` : path;
}

function inTemplate(area) {
  if (area.dataset.editor !== "template") return false;
  const state = editorOf(area).state;
  const before = state.sliceDoc(0, state.selection.main.head);
  return before.lastIndexOf("{%") > before.lastIndexOf("%}");
}

function write(field, path) {
  const text = field.dataset.takesPaths === "template" ? `{% ${path} %}` : path;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}
