// The sample of an editing page: which one was chosen is kept for this tab of the browser, so that
// data processing, workflow and response stand on the same one; what expressions see of it is shown
// as a tree, in which a click picks a path.

import { keep, kept, hear, tell } from "./heard.js";
import { kindOf, pathText, shortText } from "./paths.js";

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
  part.addEventListener("change", () => {
    keep(key, Object.fromEntries(controls.map((control) => [control.name, control.value])));
  });
  for (const control of controls) control.dispatchEvent(new Event("change", { bubbles: true }));
}

function draw(tree, found) {
  if (!found.sees) return;
  const open = new Set(
    [...tree.querySelectorAll("details[open]")].map((part) => part.dataset.path),
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
    .filter(([, value]) => value !== null)
    .sort((one, other) => rank(one) - rank(other));
}

function node(parts, value, isOpen) {
  const path = pathText(parts);
  const item = document.createElement("li");
  const inner = entries(value);
  if (!inner.length) {
    item.append(picker(parts, path, value));
    return item;
  }
  const details = document.createElement("details");
  details.dataset.path = path;
  details.open = isOpen(path);
  const summary = document.createElement("summary");
  summary.append(picker(parts, path, value));
  const list = document.createElement("ul");
  for (const [name, child] of inner) list.append(node([...parts, name], child, isOpen));
  details.append(summary, list);
  item.append(details);
  return item;
}

function entries(value) {
  if (Array.isArray(value)) return value.slice(0, 20).map((item, index) => [index, item]);
  return kindOf(value) === "object" ? Object.entries(value) : [];
}

function picker(parts, path, value) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "fs-pick";
  button.title = `Use ${path}`;
  button.setAttribute("aria-label", `Use ${path}`);
  const name = document.createElement("span");
  name.className = "fs-pick-name";
  name.textContent = parts.at(-1);
  const shown = document.createElement("span");
  shown.className = "fs-pick-value";
  shown.textContent = shortText(value);
  button.append(name, shown);
  button.addEventListener("click", (event) => {
    event.preventDefault();
    tell("pick", { parts, path });
  });
  return button;
}
