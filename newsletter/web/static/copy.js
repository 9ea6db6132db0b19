// Buttons that copy the text above them; where the browser has no clipboard, they stay hidden.
"use strict";
if (navigator.clipboard) {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll("[data-copy]")
  )) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(
        button.closest(".field")?.querySelector("pre")?.textContent || "",
      );
      const words = button.innerHTML;
      button.textContent = button.dataset.copied || "";
      setTimeout(() => {
        button.innerHTML = words;
      }, 2_000);
    });
  }
}
