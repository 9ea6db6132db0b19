// Options are shown for the types that have some; without scripts they always are.
"use strict";
{
  const type = /** @type {HTMLSelectElement | null} */ (document.querySelector("select#type"));
  const options = /** @type {HTMLElement | null} */ (document.querySelector("[data-options]"));
  if (type && options) {
    const show = () => {
      options.hidden = !["choice", "choices"].includes(type.value);
    };
    type.addEventListener("change", show);
    show();
  }
}
