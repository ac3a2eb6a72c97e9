// form[data-preview="address"][data-preview-in="id"]: sent as it is, faults and all, a moment after
// the last change; the answer is shown in the element of that id, and told to the editors.

import { markFaults, nowSeen } from "./field.js";
import { carried, hear, tell } from "./heard.js";

const PAUSE_MS = 350;

export function previews(root) {
  for (const form of root.querySelectorAll("form[data-preview]")) begin(form);
}

function begin(form) {
  const target = document.getElementById(form.dataset.previewIn);
  let timer;
  let asked = new AbortController();
  const ask = async () => {
    asked.abort();
    asked = new AbortController();
    target.setAttribute("aria-busy", "true");
    try {
      tell("sending", form);
      const answer = await post(form, form.dataset.preview, asked.signal);
      target.innerHTML = answer;
      const found = carried(target, "preview");
      if (found) show(found);
    } catch (error) {
      if (error.name === "AbortError") return;
      target.textContent = "The preview cannot be had: the node does not answer.";
    }
    target.removeAttribute("aria-busy");
    document.dispatchEvent(new Event("htmx:after:swap"));
  };
  const soon = (event) => {
    if ((event.target.form ?? event.target) !== form) return;
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  };
  form.addEventListener("submit", (event) => {
    if (event.submitter?.dataset.previewButton === undefined) return;
    event.preventDefault();
    ask();
  });
  document.addEventListener("input", soon);
  document.addEventListener("change", soon);
  hear("again", ask);
  ask();
}

function show(found) {
  nowSeen(withNames(found));
  markFaults(found.faults);
  tell("preview", found);
}

/** What expressions see, with the names that the document gives although the sample lacks them. */
function withNames({ sees, names }) {
  if (!sees) return null;
  const known = { ...sees };
  for (const [part, list] of Object.entries(names)) {
    if (!(part in known)) continue;
    known[part] = { ...Object.fromEntries(list.map((name) => [name, undefined])), ...known[part] };
  }
  return known;
}

/** The page's piece that an address answers to the fields of a form. */
export async function post(form, address, signal) {
  const answer = await fetch(address, {
    method: "POST",
    body: new FormData(form),
    headers: {
      "hx-request": "true",
      "x-csrf-token": document.querySelector('meta[name="csrf"]').content,
    },
    signal,
  });
  const to = answer.headers.get("hx-redirect");
  if (to) location.assign(to);
  return answer.text();
}
