// A button with data-open and data-fill-<name>="value": before its dialog opens, everything in it
// with data-filled="<name>" holds that value, as a field or as a text.

import { once } from "./once.js";

export function filled(root) {
  once(root, "[data-open]", "filled", (button) => {
    button.addEventListener("click", () => {
      const dialog = document.getElementById(button.dataset.open);
      for (const place of dialog?.querySelectorAll("[data-filled]") ?? []) {
        const value = button.getAttribute(`data-fill-${place.dataset.filled}`) ?? "";
        if (place.matches("input, textarea, select")) place.value = value;
        else place.textContent = value;
      }
    });
  });
}
