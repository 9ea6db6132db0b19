// Tells the pages on which issues are written that snippets may have changed; they show them anew.
"use strict";
const list = /** @type {HTMLElement | null} */ (document.querySelector("[data-snippets-of]"));
if (list) {
  const channel = new BroadcastChannel("snippets");
  channel.postMessage({ newsletter: list.dataset.snippetsOf });
  channel.close();
}
