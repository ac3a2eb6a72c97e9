// form[data-zoned]: its datetime-local fields are shown in the reader's zone and sent in UTC, with
// the zone. [data-zone] then says which zone it is. Without scripts they are in UTC.

import { once } from "./once.js";

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function zoned(root) {
  once(root, "form[data-zoned]", "zoned", (form) => {
    const fields = form.querySelectorAll("input[type=datetime-local]");
    for (const field of fields) {
      if (field.defaultValue) field.value = local(new Date(`${field.defaultValue}Z`));
    }
    form.addEventListener("formdata", (event) => {
      for (const { name, value } of fields) {
        if (value) event.formData.set(name, new Date(value).toISOString());
      }
    });
    for (const said of form.querySelectorAll("[data-zone]")) said.textContent = `Times are in ${ZONE}.`;
  });
}

function local(at) {
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}
