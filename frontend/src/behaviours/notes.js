// What is said once after an act: its mark leaves the address, so that a reload or a bookmark is
// of the page itself; data-dismiss closes it.

import { once } from "./once.js";

export function notes(root) {
  const address = new URL(location.href);
  if (address.searchParams.has("note")) {
    address.searchParams.delete("note");
    history.replaceState(history.state, "", address);
  }
  once(root, "[data-dismiss]", "dismiss", (button) => {
    button.addEventListener("click", () => button.closest("[data-note]").remove());
  });
}
