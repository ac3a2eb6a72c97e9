// Editors of expressions, documents and bodies, with completion, faults, previews and tries.

import { fields } from "./editors/field.js";
import { functions } from "./editors/functions.js";
import { picks } from "./editors/pick.js";
import { previews } from "./editors/preview.js";
import { samples } from "./editors/sample.js";
import { rows } from "./editors/rows.js";
import { tables } from "./editors/table.js";
import { tries } from "./editors/tries.js";
import { views } from "./editors/views.js";

fields(document);
picks();
rows(document, fields);
tables(document);
views(document);
functions(document);
tries(document);
samples(document);
previews(document); // last: it asks at once, and the others listen
document.addEventListener("htmx:after:swap", () => fields(document));
