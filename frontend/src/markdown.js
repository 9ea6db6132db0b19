/**
 * The Markdown of the issue: the page's own box, and the editor in its place once it is looked at.
 */
import { byId } from "./page.js";
/** @import { LineFinding } from "./types.js" */

/** @param {() => void} changed */
export function openMarkdown(changed) {
  const box = /** @type {HTMLTextAreaElement} */ (byId("text"));
  /** @type {ReturnType<typeof import("./markdown_editor.js").editMarkdown> | null} */
  let editor = null;
  box.addEventListener("input", () => {
    if (!editor) changed();
  });
  return {
    /** Fetch the editor, which is as large as all else; without it the page's own box is there. */
    async open() {
      if (editor) return;
      const loaded = await import("./markdown_editor.js").catch(() => null);
      if (loaded) editor = loaded.editMarkdown(box, changed);
    },
    text: () => box.value,
    /** @param {string} text */
    set(text) {
      box.value = text;
      if (editor) editor.set(text);
    },
    busy: () => Boolean(editor && editor.busy()),
    /** @param {number} line */
    goToLine: (line) => editor && editor.goToLine(line),
    /** @param {LineFinding[]} found */
    mark: (found) => editor && editor.mark(found),
  };
}
