// The Python functions that are deployed, fetched when a page has a place for them:
// [data-functions="workspace"] is a field for module:function with a list to choose from, and tells
// what the chosen workflow takes; [data-typed-fields="module:function"] only tells that.

import { tell } from "./heard.js";

let asked = null;

export function functions(root) {
  for (const field of root.querySelectorAll("[data-functions]")) choose(field);
  for (const part of root.querySelectorAll("[data-typed-fields]")) typed(part);
}

function deployed(workspace) {
  const token = document.querySelector('meta[name="csrf"]').content;
  asked ??= fetch(`/api/v1/workspaces/${encodeURIComponent(workspace)}/functions`, {
    headers: { "x-csrf-token": token },
  }).then((answer) => (answer.ok ? answer.json() : { functions: [], faults: [] }));
  return asked;
}

async function typed(part) {
  const found = await deployed(part.dataset.workspace);
  const one = found.functions.find((item) => item.reference === part.dataset.typedFields);
  if (one?.input_schema) tell("typed", fieldsOf(one.input_schema));
}

async function choose(field) {
  const list = document.getElementById(field.getAttribute("list"));
  const about = document.getElementById(field.dataset.about);
  const wanted = field.dataset.kinds?.split(" ");
  const found = await deployed(field.dataset.functions);
  const usable = found.functions.filter((item) => !wanted || wanted.includes(item.kind));
  list.replaceChildren(
    ...usable.map((item) => new Option(item.description.split("\n")[0], item.reference)),
  );
  const tellAbout = () => describe(about, usable, found.faults, field.value.trim());
  field.addEventListener("input", tellAbout);
  tellAbout();
}

function describe(about, usable, faults, reference) {
  const one = usable.find((item) => item.reference === reference);
  about.replaceChildren();
  if (one) {
    line(about, "p", one.description);
    const fields = one.input_schema ? fieldsOf(one.input_schema) : [];
    if (fields.length) {
      const list = line(about, "ul", "");
      for (const field of fields) {
        const text = `${field.path.join(".")}: ${field.type}${field.required ? ", required" : ""}`;
        line(list, "li", text);
      }
    }
  } else if (!usable.length) {
    line(about, "p", "No function is deployed: put one into the project's workflows folder.");
  } else if (reference) {
    line(about, "p", "There is no such function among those that are deployed.");
  }
  for (const fault of faults) line(about, "p", `${fault.file}: ${fault.detail}`).className = "text-danger";
}

function line(parent, tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  parent.append(made);
  return made;
}

/** The fields of a JSON Schema, those of objects within as dotted ones. */
export function fieldsOf(schema, root = schema, path = [], depth = 0) {
  const found = resolved(schema, root);
  if (!found?.properties || depth > 3) return [];
  return Object.entries(found.properties).flatMap(([name, inner]) => {
    const below = fieldsOf(inner, root, [...path, name], depth + 1);
    if (below.length) return below;
    const part = resolved(inner, root) ?? {};
    const required = (found.required ?? []).includes(name);
    return [{ path: [...path, name], type: typeOf(part), required, description: part.description }];
  });
}

function resolved(schema, root) {
  const name = schema?.$ref?.replace("#/$defs/", "");
  return name ? root.$defs?.[name] : schema;
}

function typeOf(schema) {
  const one = schema.anyOf?.map((part) => part.type ?? "value").join(" or ");
  return schema.enum ? schema.enum.join(", ") : schema.format ?? schema.type ?? one ?? "value";
}
