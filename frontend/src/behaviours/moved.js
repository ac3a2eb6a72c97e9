// [data-step]: Alt with the arrow keys presses its button data-move="up|down". The step that was moved
// is the page's target afterwards, and has the focus.

import { once } from "./once.js";

const KEYS = { ArrowUp: "up", ArrowDown: "down" };

export function moved(root) {
  once(root, "[data-step]", "moved", (step) => {
    step.addEventListener("keydown", (event) => {
      const to = event.altKey && KEYS[event.key];
      if (!to) return;
      event.preventDefault();
      const button = step.querySelector(`form[data-move="${to}"] button`);
      if (!button.disabled) button.click();
    });
    if (`#${step.id}` === decodeURIComponent(location.hash)) step.querySelector("a").focus();
  });
}
