// input[data-short="20"]: while it holds something shorter, the next [data-short-warning] is shown.

import { once } from "./once.js";

export function short(root) {
  once(root, "input[data-short]", "short", (input) => {
    const warning = input.closest("[data-shown-by]")?.querySelector("[data-short-warning]");
    if (!warning) return;
    input.addEventListener("input", () => {
      const length = input.value.trim().length;
      warning.hidden = length === 0 || length >= Number(input.dataset.short);
    });
  });
}
