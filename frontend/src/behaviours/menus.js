// <details class="fs-menu">: a menu. Escape, a click elsewhere and leaving it close it; Escape gives the
// focus back to its button.

import { once } from "./once.js";

export function menus(root) {
  once(root, "details.fs-menu", "menu", (menu) => {
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
    });
  });
  once(root, "body", "menus", (body) => {
    body.addEventListener("click", (event) => {
      for (const menu of document.querySelectorAll("details.fs-menu[open]")) {
        if (!menu.contains(event.target)) menu.open = false;
      }
    });
  });
}
