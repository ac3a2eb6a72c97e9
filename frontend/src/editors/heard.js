// What the parts of an editing page tell each other, as events of the document.

export function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(`firesteel:${name}`, { detail }));
}

export function hear(name, act) {
  document.addEventListener(`firesteel:${name}`, (event) => act(event.detail));
}

/** The data that a piece of a page carries in <script type="application/json" data-name>. */
export function carried(root, name) {
  const element = root.querySelector(`script[data-${name}]`);
  return element ? JSON.parse(element.textContent) : null;
}

export function kept(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null");
  } catch {
    return null; // storage is switched off, or holds something else
  }
}

export function keep(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // it lasts for this page then
  }
}
