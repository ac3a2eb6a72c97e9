// The sample of an editing page: which one was chosen is kept for this tab of the browser, so that
// data processing, workflow and response stand on the same one; what expressions see of it is shown
// as a tree, in which a click picks a path.

import { keep, kept, hear, tell } from "./heard.js";
import { kindOf, pathText, shortText } from "./paths.js";

const RAW = new Set(["body_text", "body_base64"]);
const OPEN = new Set(["input", "steps", "body", "query", "item"]);

export function samples(root) {
  for (const part of root.querySelectorAll("[data-sample]")) remember(part);
  for (const tree of root.querySelectorAll("[data-sample-tree]")) {
    hear("preview", (found) => draw(tree, found));
  }
}

function remember(part) {
  const key = `firesteel-sample:${part.dataset.sample}`;
  const controls = [...part.querySelectorAll("[name]")];
  const before = part.dataset.sampleGiven === undefined ? kept(key) : null;
  for (const control of before ? controls : []) {
    const value = before[control.name];
    if (value === undefined) continue;
    const options = control.options && [...control.options].map((option) => option.value);
    if (!options || options.includes(value)) control.value = value;
  }
  const save = () =>
    keep(key, Object.fromEntries(controls.map((control) => [control.name, control.value])));
  part.addEventListener("change", save);
  part.addEventListener("input", save);
  for (const control of controls) control.dispatchEvent(new Event("change", { bubbles: true }));
}

function draw(tree, found) {
  if (!found.sees) return;
  const open = new Set(
    [...tree.querySelectorAll("[aria-expanded=true]")].map((toggle) => toggle.dataset.path),
  );
  const drawn = tree.childElementCount > 0;
  const list = document.createElement("ul");
  for (const [name, value] of roots(found.sees)) {
    list.append(node([name], value, (path) => (drawn ? open.has(path) : OPEN.has(path))));
  }
  tree.replaceChildren(list);
}

function roots(sees) {
  const order = ["input", "steps", "item", "index", "query", "body"];
  const rank = ([name]) => (order.includes(name) ? order.indexOf(name) : order.length);
  return Object.entries(sees)
    .filter(([name, value]) => value !== null && !(RAW.has(name) && sees.body !== null))
    .sort((one, other) => rank(one) - rank(other));
}

function node(parts, value, isOpen) {
  const path = pathText(parts);
  const item = document.createElement("li");
  const inner = entries(value);
  if (inner.length) {
    const list = document.createElement("ul");
    for (const [name, child] of inner) list.append(node([...parts, name], child, isOpen));
    item.append(toggle(path, list, isOpen(path)), picker(parts, path, value), list);
  } else {
    item.append(picker(parts, path, value));
  }
  return item;
}

function toggle(path, list, open) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "fs-toggle";
  button.dataset.path = path;
  button.setAttribute("aria-label", `What is in ${path}`);
  const show = (on) => {
    button.setAttribute("aria-expanded", String(on));
    list.hidden = !on;
  };
  button.addEventListener("click", () => show(list.hidden));
  show(open);
  return button;
}

function entries(value) {
  if (Array.isArray(value)) return value.slice(0, 20).map((item, index) => [index, item]);
  return kindOf(value) === "object" ? Object.entries(value) : [];
}

/** Shows the last name of the path; its whole name, for screen readers, holds all of the path. */
function picker(parts, path, value) {
  const last = typeof parts.at(-1) === "number" ? `[${parts.at(-1)}]` : parts.at(-1);
  const above = parts.length > 1 ? pathText(parts.slice(0, -1)) : "";
  const joint = above && typeof parts.at(-1) !== "number" ? "." : "";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "fs-pick";
  button.title = `Use ${path}`;
  const shown = shortText(value);
  button.setAttribute("aria-label", `Use ${above}${joint}${last} ${shown}`.trim());
  button.append(part("fs-pick-name", last), " ", part("fs-pick-value", shown));
  button.addEventListener("click", () => tell("pick", { parts, path }));
  return button;
}

function part(style, text) {
  const made = document.createElement("span");
  made.className = style;
  made.textContent = text;
  return made;
}
