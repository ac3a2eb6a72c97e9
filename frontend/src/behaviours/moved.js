// [data-step]: Alt with the arrow keys presses its button data-move="up|down". The step that was moved
// is the page's target afterwards, and has the focus.

import { once } from "./once.js";

const KEYS = { ArrowUp: "up", ArrowDown: "down" };

/** Not before: when the browser scrolls to the page's target, it takes the focus from elsewhere. */
function focusAfterLoad(link) {
  const focus = () => requestAnimationFrame(() => link.focus());
  if (document.readyState === "complete") focus();
  else addEventListener("load", focus, { once: true });
}

export function moved(root) {
  once(root, "[data-step]", "moved", (step) => {
    step.addEventListener("keydown", (event) => {
      const to = event.altKey && KEYS[event.key];
      if (!to) return;
      event.preventDefault();
      const button = step.querySelector(`form[data-move="${to}"] button`);
      if (!button.disabled) button.click();
    });
    if (`#${step.id}` === decodeURIComponent(location.hash)) focusAfterLoad(step.querySelector("a"));
  });
}
