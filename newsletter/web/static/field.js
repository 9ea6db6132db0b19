// Options are shown for the types that have some; without scripts they always are.
"use strict";
{
  const type = /** @type {HTMLSelectElement | null} */ (document.querySelector("select#type"));
  const options = /** @type {HTMLElement | null} */ (document.querySelector("[data-options]"));
  const show = () => { options.hidden = !["choice", "choices"].includes(type.value); };
  if (type && options) {
    type.addEventListener("change", show);
    show();
  }
}
