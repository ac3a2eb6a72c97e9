// A form, or a button that submits one, with data-confirm="question" asks first, in the page's own
// dialog (#confirm). data-confirm-label is what its button says.

import { once } from "./once.js";

const agreed = new WeakSet();

export function confirmed(root) {
  once(root, "form", "confirm", (form) => {
    form.addEventListener("submit", (event) => ask(event, form), { capture: true });
  });
}

function ask(event, form) {
  const asker = event.submitter?.dataset.confirm ? event.submitter : form;
  if (!asker.dataset.confirm) return;
  if (agreed.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const dialog = document.getElementById("confirm");
  dialog.querySelector("[data-question]").textContent = asker.dataset.confirm;
  const yes = dialog.querySelector("[data-yes]");
  yes.textContent = asker.dataset.confirmLabel ?? event.submitter?.textContent.trim() ?? "Go on";
  const submitter = event.submitter;
  yes.onclick = () => {
    dialog.close();
    agreed.add(form);
    form.requestSubmit(submitter);
  };
  dialog.showModal();
  dialog.querySelector("[data-close]").focus();
}
