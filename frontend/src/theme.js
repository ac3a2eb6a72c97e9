// Runs before the page is drawn: the reader's own choice of light or dark, kept in this browser.
// Without a choice, or without scripts, the page follows the system.

const KEY = "firesteel-theme";

function chosen() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off: the system's choice it is
  }
}

function current() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return document.documentElement.dataset.bsTheme ?? system;
}

function show(theme) {
  document.documentElement.dataset.bsTheme = theme;
}

const first = chosen();
show(first === "light" || first === "dark" ? first : current());

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-switch]")) return;
  const theme = current() === "dark" ? "light" : "dark";
  show(theme);
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // it lasts for this page then
  }
  document.dispatchEvent(new CustomEvent("firesteel:theme", { detail: theme }));
});
