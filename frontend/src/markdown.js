/** The Markdown of the issue: the page's own box, and the editor in its place once it is looked at. */
import { byId } from "./page.js";

/** @param {() => void} changed */
export function openMarkdown(changed) {
  const box = /** @type {HTMLTextAreaElement} */ (byId("text"));
  let editor = null;
  box.addEventListener("input", () => { if (!editor) changed(); });
  return {
    /** Fetch the editor, which is as large as all else; without it the page's own box is there. */
    async open() {
      if (editor) return;
      const loaded = await import("./markdown_editor.js").catch(() => null);
      if (loaded) editor = loaded.editMarkdown(box, changed);
    },
    text: () => box.value,
    set(text) {
      box.value = text;
      if (editor) editor.set(text);
    },
    busy: () => Boolean(editor && editor.busy()),
    goToLine: (line) => editor && editor.goToLine(line),
    mark: (found) => editor && editor.mark(found),
  };
}
