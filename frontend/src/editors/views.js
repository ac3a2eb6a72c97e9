// Two views of one thing: [data-views] holds buttons data-view="id"; one of the elements of those ids
// is shown at a time, and the choice is kept for this tab of the browser.

import { keep, kept } from "./heard.js";

export function views(root) {
  for (const group of root.querySelectorAll("[data-views]")) {
    const buttons = [...group.querySelectorAll("[data-view]")];
    const key = `firesteel-view:${group.dataset.views}`;
    const show = (id) => {
      for (const button of buttons) {
        const chosen = button.dataset.view === id;
        button.setAttribute("aria-pressed", String(chosen));
        document.getElementById(button.dataset.view).hidden = !chosen;
      }
      keep(key, id);
    };
    for (const button of buttons) button.addEventListener("click", () => show(button.dataset.view));
    const before = kept(key);
    show(buttons.some((button) => button.dataset.view === before) ? before : buttons[0].dataset.view);
  }
}
