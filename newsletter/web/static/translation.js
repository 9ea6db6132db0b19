// A translation: copying the original into a part, and leaving no words unsaved unseen.
const form = document.getElementById("units");
const unsaved = document.getElementById("unsaved");
let changed = false;

function mark() {
  changed = true;
  unsaved.textContent = unsaved.dataset.words;
}

function copy(unit) {
  for (const name of ["text", "body", "link", "label"]) {
    const texts = unit.querySelectorAll(`[data-of="${name}"]`);
    unit.querySelectorAll(`[name="${name}"]`).forEach((field, at) => {
      if (texts[at]) field.value = texts[at].textContent;
    });
  }
  unit.querySelector("[name=text], [name=body]")?.focus();
  mark();
}

form.addEventListener("input", mark);
form.addEventListener("submit", () => { changed = false; });
for (const button of form.querySelectorAll(".copy-original")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button.closest(".unit")));
}
window.addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
