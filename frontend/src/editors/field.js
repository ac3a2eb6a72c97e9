// A textarea with data-editor="jsonata|template|sql|json|xml|text" becomes a CodeMirror editor. The
// textarea stays the field of the form: it holds what the editor holds, and tells of every change
// by an `input` event, as if somebody had typed there.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { sql } from "@codemirror/lang-sql";
import { xml } from "@codemirror/lang-xml";
import { HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { completing } from "./completion.js";
import { jsonata, templated } from "./jsonata.js";
import { placesOf } from "./places.js";

const LANGUAGES = { jsonata: () => jsonata, template: () => templated, sql, json, xml, text: () => [] };

const colours = HighlightStyle.define([
  { tag: tags.comment, color: "var(--fs-code-comment)", fontStyle: "italic" },
  { tag: tags.string, color: "var(--fs-code-string)" },
  { tag: [tags.labelName, tags.attributeName], color: "var(--fs-code-key)" },
  { tag: [tags.number, tags.atom, tags.bool, tags.null], color: "var(--fs-code-number)" },
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--fs-code-keyword)", fontWeight: "600" },
  { tag: [tags.propertyName, tags.tagName], color: "var(--fs-code-name)" },
  { tag: [tags.variableName, tags.function(tags.variableName), tags.typeName], color: "var(--fs-code-function)" },
  { tag: tags.regexp, color: "var(--fs-code-string)" },
  { tag: tags.meta, color: "var(--fs-code-meta)", fontWeight: "600" },
]);

const look = EditorView.theme({
  "&": { fontSize: "0.875rem", backgroundColor: "var(--tblr-bg-forms)", color: "inherit" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--tblr-font-monospace)", caretColor: "currentColor", padding: "0.5rem 0" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--tblr-secondary)", border: "none" },
  ".cm-cursor": { borderLeftColor: "currentColor" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--fs-code-selection)",
  },
  ".cm-tooltip": { backgroundColor: "var(--tblr-bg-surface)", color: "var(--tblr-body-color)", border: "1px solid var(--tblr-border-color)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--tblr-primary)", color: "var(--tblr-primary-fg)" },
  ".cm-completionDetail": { fontStyle: "normal", opacity: "0.75", marginLeft: "1em" },
  ".cm-placeholder": { color: "var(--tblr-secondary)" },
});

const editors = new Map();
let seen = null;

/** Takes over every marked textarea below `root`. */
export function fields(root) {
  for (const area of root.querySelectorAll("textarea[data-editor]")) {
    if (!editors.has(area)) editors.set(area, made(area));
  }
}

export function editorOf(area) {
  return editors.get(area);
}

/** What expressions see, for completion; told by each preview. */
export function nowSeen(value) {
  seen = value;
}

/** Marks the faults of a preview, each in the editor whose pointer is the nearest above it. */
export function markFaults(faults) {
  for (const [area, view] of editors) {
    if (!area.isConnected || area.dataset.pointer === undefined) continue;
    view.dispatch(setDiagnostics(view.state, placesOf(faults, area, view.state.doc)));
  }
}

/** Puts text where the cursor is, and the cursor behind it. */
export function insert(area, text) {
  const view = editors.get(area);
  view.dispatch(view.state.replaceSelection(text));
  view.focus();
}

/** Replaces all of it, as if typed. */
export function write(area, text) {
  const view = editors.get(area);
  if (!view) {
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (view.state.doc.toString() !== text) {
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  }
}

function made(area) {
  const label = document.querySelector(`label[for="${area.id}"]`);
  const nonce = document.querySelector('meta[name="style-nonce"]')?.content ?? "";
  const view = new EditorView({
    parent: frameOf(area),
    state: EditorState.create({ doc: area.value, extensions: extensions(area, label, nonce) }),
  });
  area.hidden = true;
  area.required = false;
  label?.addEventListener("click", () => view.focus());
  area.form?.addEventListener("reset", () => write(area, area.defaultValue));
  return view;
}

function frameOf(area) {
  const frame = document.createElement("div");
  frame.className = "fs-editor form-control";
  frame.dataset.lines = area.rows > 3 ? "many" : "few";
  if (area.classList.contains("is-invalid")) frame.classList.add("is-invalid");
  area.after(frame);
  return frame;
}

function extensions(area, label, nonce) {
  const kind = area.dataset.editor;
  const attributes = {
    "aria-label": label?.textContent.trim() ?? area.getAttribute("aria-label") ?? "Editor",
  };
  const described = area.getAttribute("aria-describedby");
  if (described) attributes["aria-describedby"] = described;
  const found = [
    EditorView.cspNonce.of(nonce),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    EditorView.lineWrapping,
    LANGUAGES[kind](),
    syntaxHighlighting(colours),
    look,
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
    EditorView.contentAttributes.of(attributes),
    EditorState.readOnly.of(area.readOnly || area.matches("fieldset[disabled] *")),
    EditorView.updateListener.of((update) => update.docChanged && follow(area, update.state)),
  ];
  if (area.placeholder) found.push(placeholder(area.placeholder));
  if (area.rows > 3) found.push(lineNumbers(), lintGutter());
  if (kind === "jsonata" || kind === "template") {
    const source = completing(() => seen, kind === "template");
    found.push(autocompletion({ override: [source], icons: false }));
  }
  return found;
}

function follow(area, state) {
  area.value = state.doc.toString();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}
