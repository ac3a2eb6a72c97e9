// Calls `act` for each element that matches and was not taken before under this name.

export function once(root, selector, name, act) {
  for (const element of root.querySelectorAll(selector)) {
    element.taken ??= new Set();
    if (element.taken.has(name)) continue;
    element.taken.add(name);
    act(element);
  }
}
