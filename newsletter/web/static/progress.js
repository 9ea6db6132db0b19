// Keeps a mailing's progress fresh by server-sent events; the page reloads once it rests.
"use strict";
const live = /** @type {HTMLElement | null} */ (document.querySelector("[data-events]"));
if (live) {
  const events = new EventSource(String(live.dataset.events));
  events.addEventListener("message", (event) => {
    live.innerHTML = event.data;
  });
  events.addEventListener("rest", () => {
    events.close();
    window.location.reload();
  });
  // Somebody who ends it is led on by the answer.
  document.addEventListener("submit", () => events.close());
  window.addEventListener("pagehide", () => events.close());
}
