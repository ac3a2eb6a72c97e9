// data-copy="text" copies that text, data-copy-of="id" what the element of that id shows or holds;
// the button says so for two seconds, also to screen readers.

import { once } from "./once.js";

const SAID_MS = 2000;

export function copied(root) {
  once(root, "[data-copy], [data-copy-of]", "copy", (button) => {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copyOf);
      await write(button.dataset.copy ?? source?.value ?? source?.textContent ?? "");
      button.dataset.state = "copied";
      say("Copied");
      setTimeout(() => delete button.dataset.state, SAID_MS);
    });
  });
}

export function say(text) {
  const live = document.getElementById("said");
  if (live) live.textContent = text;
}

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain HTTP on another machine than this one: browsers keep the clipboard for secure pages.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
