// The charts of a page, drawn at first, after htmx has put new figures in, and anew when the reader
// switches between light and dark or the window changes its width.

import { draw, drawAgain, fit } from "./charts/draw.js";

draw(document);
document.addEventListener("htmx:after:swap", () => draw(document));
document.addEventListener("firesteel:theme", drawAgain);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);
addEventListener("resize", fit);
