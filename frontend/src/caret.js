/** The caret as the browser has it: it moves a moment before the editor hears of it. */
import { Plugin } from "prosemirror-state";

/**
 * Take over where the caret stands now, ahead of the browser's selectionchange event.
 *
 * The event comes a task later than the key or click. A change of the document that is made in
 * between would act where the caret was, and put it back there. So whatever does not come from the
 * caret itself (an answer of the server, a field beside the mail) calls this first.
 *
 * @param {any} view the EditorView, whose observer of the page is not in its published types
 */
export function readCaret(view) {
  if (!view.composing) view.domObserver.flush();
}

/** Keys and text that follow a move of the caret at once act where it is then. */
export function caretBeforeKeys() {
  const read = (view, event) => {
    // An input method's key (229) belongs to its composition.
    if (!event.isComposing && event.keyCode !== 229) readCaret(view);
    return false;
  };
  return new Plugin({ props: { handleDOMEvents: { keydown: read, beforeinput: read } } });
}
