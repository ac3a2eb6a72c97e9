// button[data-try="address"]: tries the step of its form; the answer is shown in #tried. Results are
// kept for this tab of the browser, by sample, and stand for the steps in later tries and previews
// through the fields named "results".

import { carried, hear, keep, kept, tell } from "./heard.js";
import { post } from "./preview.js";

export function tries(root) {
  hear("sending", fill);
  for (const button of root.querySelectorAll("button[data-try]")) {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      run(button);
    });
  }
  for (const button of root.querySelectorAll("button[data-forget-results]")) {
    button.addEventListener("click", () => {
      keep(keyOf(button.form), {});
      tell("again");
    });
  }
}

async function run(button) {
  const target = document.getElementById("tried");
  button.disabled = true;
  target.setAttribute("aria-busy", "true");
  target.textContent = "Trying …";
  try {
    fill(button.form);
    target.innerHTML = await post(button.form, button.dataset.try);
  } catch {
    target.textContent = "The step cannot be tried: the node does not answer.";
  }
  target.removeAttribute("aria-busy");
  button.disabled = false;
  const tried = carried(target, "tried");
  if (tried?.value) {
    keep(keyOf(button.form), { ...kept(keyOf(button.form)), [tried.step]: tried.value });
    tell("again");
  }
  document.dispatchEvent(new Event("htmx:after:swap"));
}

/** Results as JSON text, put together of texts, so that no number loses a digit. */
function fill(form) {
  const field = form.elements.namedItem("results");
  if (!field) return;
  const pairs = Object.entries(kept(keyOf(form)) ?? {});
  field.value = `{${pairs.map(([step, text]) => `${JSON.stringify(step)}:${text}`).join(",")}}`;
}

function keyOf(form) {
  const sample = form.elements.namedItem("sample")?.value ?? "";
  return `firesteel-results:${form.dataset.integration}:${sample}`;
}
