// What every page loads: htmx and the behaviours. A behaviour is a module that exports one
// function; it is called with the document at first and with each piece that htmx puts in, and it
// finds its elements by a data- attribute. It must be safe to call twice for the same element.

import "htmx.org/dist/htmx.esm.js";
import "htmx.org/dist/ext/hx-sse.js";

import { confirmed } from "./behaviours/confirmed.js";
import { copied } from "./behaviours/copied.js";
import { currentTab } from "./behaviours/current_tab.js";
import { dialogs } from "./behaviours/dialogs.js";
import { filled } from "./behaviours/filled.js";
import { live } from "./behaviours/live.js";
import { localTimes } from "./behaviours/local_times.js";
import { menus } from "./behaviours/menus.js";
import { moved } from "./behaviours/moved.js";
import { notes } from "./behaviours/notes.js";
import { sentByChange } from "./behaviours/sent_by_change.js";
import { short } from "./behaviours/short.js";
import { shown } from "./behaviours/shown.js";
import { unsaved } from "./behaviours/unsaved.js";
import { zoned } from "./behaviours/zoned.js";

const BEHAVIOURS = [
  localTimes,
  filled,
  dialogs,
  currentTab,
  confirmed,
  copied,
  menus,
  moved,
  notes,
  sentByChange,
  shown,
  short,
  unsaved,
  live,
  zoned,
];

function enliven(root) {
  for (const behaviour of BEHAVIOURS) behaviour(root);
}

enliven(document);
document.addEventListener("htmx:after:swap", () => enliven(document));
