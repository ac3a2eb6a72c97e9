// .fs-tabs: where the tabs do not fit, such as on a phone, the page's own one is moved into sight.

import { once } from "./once.js";

export function currentTab(root) {
  once(root, ".fs-tabs", "current-tab", (tabs) => {
    const current = tabs.querySelector("[aria-current]");
    if (!current) return;
    const [outer, inner] = [tabs.getBoundingClientRect(), current.getBoundingClientRect()];
    tabs.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  });
}
