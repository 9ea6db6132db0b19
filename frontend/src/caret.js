/** The caret as the browser has it: it moves a moment before the editor hears of it. */
import { NodeSelection, Plugin, Selection } from "prosemirror-state";

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

/**
 * Text of an input method, of dictation or of a list of signs, while a block is chosen.
 *
 * The browser would put it in the block's place in the page, and the editor read all that follows
 * as replaced. A finished text is typed as by keys; one that is being composed goes into the next text.
 */
function beforeChosen(view, event) {
  const { selection, tr } = view.state;
  if (!(selection instanceof NodeSelection) || !selection.node.isBlock || !event.data) return false;
  if (event.inputType === "insertText") {
    event.preventDefault();
    view.dispatch(tr.insertText(event.data).scrollIntoView());
    return true;
  }
  if (event.inputType !== "insertCompositionText") return false;
  view.dispatch(tr.setSelection(Selection.findFrom(selection.$to, 1, true) || Selection.near(selection.$to, -1)));
  return false;
}

/** Keys and text that follow a move of the caret at once act where it is then. */
export function caretBeforeKeys() {
  const read = (view, event) => {
    // An input method's key (229) belongs to its composition.
    if (!event.isComposing && event.keyCode !== 229) readCaret(view);
    return false;
  };
  return new Plugin({ props: { handleDOMEvents: { keydown: read, beforeinput: (view, event) => read(view, event) || beforeChosen(view, event) } } });
}
