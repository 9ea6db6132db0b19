// Passwords that can be read while they are typed. Sent they are hidden again, so that a browser
// keeps them as passwords, and as nothing else.
"use strict";
for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (
  document.querySelectorAll("[data-reveals]")
)) {
  const field = /** @type {HTMLInputElement} */ (
    document.getElementById(box.dataset.reveals || "")
  );
  const show = () => {
    field.type = box.checked ? "text" : "password";
  };
  /** @type {HTMLElement} */ (box.parentElement).hidden = false;
  box.addEventListener("change", show);
  field.form?.addEventListener("submit", () => {
    field.type = "password";
  });
  addEventListener("pageshow", show);
}
