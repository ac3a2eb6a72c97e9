// data-live="address of a stream": whenever the stream tells of a change, the element gets the event
// "changed", at most every half second; htmx takes it from there. Nothing is open while the page is
// not looked at. [data-live-sign] is shown while it is.

import { once } from "./once.js";

const PAUSE_MS = 500;
const AGAIN_MS = 1000;
const LATER_MS = 30_000;
const NEWS = ["message", "gone", "reload"];

export function live(root) {
  once(root, "[data-live]", "live", (element) => new Live(element).follow());
}

class Live {
  constructor(element) {
    this.element = element;
    this.waits = false;
  }

  follow() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    if (!document.hidden) this.open();
  }

  open() {
    if (this.source || !this.element.isConnected) return;
    const source = (this.source = new EventSource(this.element.dataset.live));
    for (const name of NEWS) source.addEventListener(name, () => this.changed());
    source.addEventListener("open", () => {
      this.sign(true);
      this.changed(); // what happened between the page's making and now was told to nobody
    });
    source.addEventListener("end", () => this.again(AGAIN_MS));
    source.addEventListener("error", () => {
      this.sign(false);
      if (source.readyState === EventSource.CLOSED) this.again(LATER_MS);
    });
  }

  close() {
    this.source?.close();
    this.source = undefined;
    this.sign(false);
  }

  again(afterMs) {
    this.close();
    setTimeout(() => document.hidden || this.open(), afterMs);
  }

  changed() {
    if (this.waits) return;
    this.waits = true;
    setTimeout(() => {
      this.waits = false;
      this.element.dispatchEvent(new CustomEvent("changed"));
    }, PAUSE_MS);
  }

  sign(on) {
    for (const sign of document.querySelectorAll("[data-live-sign]")) sign.hidden = !on;
  }
}
