// [data-rows]: a list of pairs of fields (name, value). data-add-row adds one, a copy of the
// <template> inside; data-remove-row removes its own.

export function rows(root, enliven) {
  for (const part of root.querySelectorAll("[data-rows]")) {
    part.addEventListener("click", (event) => act(part, event.target, enliven));
  }
}

function act(part, target, enliven) {
  const remove = target.closest("[data-remove-row]");
  if (remove) {
    const row = remove.closest("[data-row]");
    const { form } = row.querySelector("[name]");
    row.remove();
    form.dispatchEvent(new Event("input", { bubbles: true }));
    part.querySelector("[data-add-row]").focus();
  } else if (target.closest("[data-add-row]")) {
    const made = part.querySelector("template").content.cloneNode(true);
    const first = made.querySelector("[name]");
    part.querySelector("[data-row-list]").append(made);
    enliven(part);
    first.focus();
  }
}
