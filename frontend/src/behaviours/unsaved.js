// form[data-unsaved]: whoever leaves the page with changes that were not saved is asked first.
// data-unsaved="yes": it has such changes from the start. What stands within data-not-saved, such as
// a sample, is nothing to save.

import { once } from "./once.js";

export function unsaved(root) {
  once(root, "form[data-unsaved]", "unsaved", (form) => {
    let dirty = form.dataset.unsaved === "yes";
    form.addEventListener("input", (event) => {
      if (!event.target.closest("[data-not-saved]")) dirty = true;
    });
    form.addEventListener("submit", (event) => {
      if (!event.defaultPrevented) dirty = false;
    });
    window.addEventListener("beforeunload", (event) => {
      if (dirty && form.isConnected) event.preventDefault();
    });
  });
}
