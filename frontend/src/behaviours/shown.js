// data-shown-by="id[=value,value]": shown only while the field of that id is ticked, or has one of
// the values (a radio button counts while it is chosen). What is hidden is not sent.

import { once } from "./once.js";

export function shown(root) {
  once(root, "[data-shown-by]", "shown", (part) => {
    const [id, value] = part.dataset.shownBy.split("=");
    const field = document.getElementById(id);
    if (!field) return;
    const follow = () => {
      const on = value === undefined ? field.checked : value.split(",").includes(field.value);
      part.hidden = !on;
      for (const inner of part.querySelectorAll("input, select, textarea")) inner.disabled = !on;
    };
    (field.form ?? document).addEventListener("change", follow);
    follow();
  });
}
