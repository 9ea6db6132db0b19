// A page may have several forms, and sending one loads the page anew: what was changed in another and
// not saved would be gone. So it asks first, and shows what was changed if the answer is no.
"use strict";
{
  const { question = "" } = /** @type {HTMLScriptElement} */ (document.currentScript).dataset;
  /** @type {Set<EventTarget | null>} */
  const touched = new Set();
  addEventListener("input", ({ target }) => touched.add(target));

  // A control that a script filled in was not touched; one that was changed back is as it was.
  /** @param {Element} control */
  const isChanged = (control) => {
    if (!touched.has(control)) return false;
    if (control instanceof HTMLSelectElement) {
      const usual = [...control.options].some((option) => option.defaultSelected);
      return usual
        ? [...control.options].some((option) => option.selected !== option.defaultSelected)
        : control.selectedIndex > 0;
    }
    if (control instanceof HTMLTextAreaElement) return control.value !== control.defaultValue;
    if (!(control instanceof HTMLInputElement)) return false;
    return /checkbox|radio/.test(control.type)
      ? control.checked !== control.defaultChecked
      : control.value !== control.defaultValue;
  };

  addEventListener(
    "submit",
    (event) => {
      const sent = /** @type {HTMLFormElement} */ (event.target);
      const target = event.submitter?.getAttribute("formtarget") || sent.target || "_self";
      if (target !== "_self" || sent.hasAttribute("hx-post")) return;
      const changed = [...document.forms]
        .filter(
          (form) => form !== sent && form.method === "post" && !form.matches("[data-warns-itself]"),
        )
        .flatMap((form) => [...form.elements])
        .find(isChanged);
      if (!changed || confirm(question)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      for (
        let box = changed.closest("details");
        box;
        box = box.parentElement?.closest("details") ?? null
      )
        box.open = true;
      /** @type {HTMLElement} */ (changed).focus();
    },
    { capture: true },
  );
}
