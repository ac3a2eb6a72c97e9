// data-open="id" opens the <dialog> of that id; data-close inside it closes it; a click beside it
// too. A dialog with data-opened is open from the start (its form came back with faults).

import { once } from "./once.js";

export function dialogs(root) {
  once(root, "[data-open]", "open", (button) => {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById(button.dataset.open)?.showModal();
    });
  });
  once(root, "dialog", "dialog", (dialog) => {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
    if (dialog.hasAttribute("data-opened")) {
      dialog.removeAttribute("open");
      dialog.showModal();
    }
  });
}
