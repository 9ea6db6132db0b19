// Keeps the page of operations fresh by server-sent events: what did not change is left alone, so
// that neither the focus nor a screen reader is disturbed.
"use strict";
const live = /** @type {HTMLElement | null} */ (document.querySelector("[data-live]"));
if (live) {
  const events = new EventSource(String(live.dataset.live));
  /** @param {Element} fresh */
  const replace = (fresh) => {
    const old = document.getElementById(fresh.id);
    if (!old || old.isEqualNode(fresh)) return;
    const active = document.activeElement;
    const focused = active && old.contains(active) ? active.getAttribute("href") : null;
    old.replaceWith(fresh);
    if (focused) {
      const again = [...fresh.querySelectorAll("a")].find(
        (a) => a.getAttribute("href") === focused,
      );
      if (again) again.focus({ preventScroll: true });
    }
  };
  events.addEventListener("message", (event) => {
    const draft = document.createElement("template");
    draft.innerHTML = event.data;
    [...draft.content.children].forEach(replace);
  });
  events.addEventListener("error", () => {
    /** @type {HTMLElement} */ (document.getElementById("taken")).textContent =
      live.dataset.lost || "";
  });
  window.addEventListener("pagehide", () => events.close());
}
