// form[data-unsaved]: whoever leaves the page with changes that were not saved is asked first.
// data-unsaved="yes": it has such changes from the start.

import { once } from "./once.js";

export function unsaved(root) {
  once(root, "form[data-unsaved]", "unsaved", (form) => {
    let dirty = form.dataset.unsaved === "yes";
    form.addEventListener("input", () => (dirty = true));
    form.addEventListener("submit", (event) => {
      if (!event.defaultPrevented) dirty = false;
    });
    window.addEventListener("beforeunload", (event) => {
      if (dirty && form.isConnected) event.preventDefault();
    });
  });
}
