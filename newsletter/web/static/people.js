// Choosing people of a list: all on the page by the box at its head, and from there all who were
// found. Without scripts each is chosen alone, and the box for all who were found is always there.
"use strict";
{
  const head = /** @type {HTMLInputElement | null} */ (document.getElementById("everyone"));
  const form = head?.form;
  if (head && form) {
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (
      form.querySelectorAll('[name="person"]')
    );
    const everybody = /** @type {HTMLInputElement} */ (form.querySelector('[name="whom"]'));
    const offer = /** @type {HTMLElement} */ (everybody.closest("label"));
    const status = /** @type {HTMLElement} */ (form.querySelector("[data-chosen]"));
    const none = status.textContent || "";
    const show = () => {
      const count = [...boxes].filter((box) => box.checked).length;
      const all = count === boxes.length;
      if (!all) everybody.checked = false;
      offer.hidden = !all;
      head.checked = all;
      head.indeterminate = count > 0 && !all;
      const chosen = String(status.dataset.chosen).replace("{count}", String(count));
      status.textContent = everybody.checked ? status.dataset.all || "" : count ? chosen : none;
    };
    head.hidden = false;
    head.addEventListener("change", () => {
      for (const box of boxes) box.checked = head.checked;
      show();
    });
    form.addEventListener("change", (event) => {
      if (event.target !== head) show();
    });
    addEventListener("pageshow", show);
  }
}
