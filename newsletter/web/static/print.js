// Buttons that print the page; without scripts they stay hidden.
"use strict";
for (const button of /** @type {NodeListOf<HTMLElement>} */ (
  document.querySelectorAll("[data-print]")
)) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
