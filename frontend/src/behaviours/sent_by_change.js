// <form data-sent-by-change>: choosing is enough; the button is for readers without scripts.

import { once } from "./once.js";

export function sentByChange(root) {
  once(root, "form[data-sent-by-change]", "sent-by-change", (form) => {
    form.addEventListener("change", () => form.requestSubmit());
  });
}
