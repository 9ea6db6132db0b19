/** The Markdown of the issue: the page's own box, until the editor of Markdown is there. */
import { byId } from "./page.js";

/** @param {() => void} changed */
export function openMarkdown(changed) {
  const box = /** @type {HTMLTextAreaElement} */ (byId("text"));
  box.addEventListener("input", changed);
  return {
    text: () => box.value,
    set(text) { box.value = text; },
    goToLine(line) {
      const lines = box.value.split("\n"), index = Number(line) - 1;
      const start = lines.slice(0, index).join("\n").length + (index ? 1 : 0);
      box.focus();
      box.setSelectionRange(start, start + (lines[index] || "").length);
      box.scrollTop = Math.max(0, index - 4) * parseFloat(getComputedStyle(box).lineHeight);
    },
    focus: () => box.focus(),
  };
}
