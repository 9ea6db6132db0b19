/** The caret as the browser has it: it moves a moment before the editor hears of it. */
import { NodeSelection, Plugin, Selection, TextSelection } from "prosemirror-state";
import { flowIndex } from "./outline.js";
import { schema } from "./schema.js";
import { WholeText } from "./whole.js";
/** @import { EditorView } from "prosemirror-view" */

/**
 * Take over where the caret stands now, ahead of the browser's selectionchange event.
 *
 * The event comes a task later than the key or click. A change of the document that is made in
 * between would act where the caret was, and put it back there. So whatever does not come from the
 * caret itself (an answer of the server, a field beside the mail) calls this first.
 *
 * @param {EditorView} view
 */
export function readCaret(view) {
  // Its observer of the page is not in its published types.
  if (!view.composing)
    /** @type {EditorView & { domObserver: { flush: () => void } }} */ (view).domObserver.flush();
}

/**
 * Go on writing behind what is chosen, which a letter would replace unseen: a block is followed by
 * a paragraph, a chip by the words of its line. Backspace and Delete take away what is chosen.
 * The whole text is replaced: that it is chosen is seen.
 *
 * @param {EditorView} view
 */
function leaveChosen(view) {
  const { selection, doc, tr } = view.state;
  if (selection instanceof WholeText) {
    view.dispatch(tr.deleteSelection().scrollIntoView());
    return true;
  }
  if (!(selection instanceof NodeSelection)) return false;
  const { paragraph } = schema.nodes;
  let $end = selection.$to;
  if (selection.node.isBlock) {
    while ($end.depth && $end.parent.contentMatchAt($end.index()).defaultType !== paragraph)
      $end = doc.resolve($end.after());
    const follows = $end.nodeAfter,
      isFlow = $end.depth || flowIndex(doc.resolve(selection.from)) >= 0;
    if (isFlow) {
      if (!(follows && follows.type === paragraph && !follows.content.size))
        tr.insert($end.pos, paragraph.create());
      tr.setSelection(TextSelection.create(tr.doc, $end.pos + 1));
    } else
      tr.setSelection(
        Selection.findFrom(selection.$to, 1, true) || Selection.near(selection.$to, -1),
      );
  } else tr.setSelection(TextSelection.create(doc, $end.pos));
  view.dispatch(tr.scrollIntoView());
  return true;
}

/**
 * Type where the caret stands, as keys do.
 *
 * @param {EditorView} view
 * @param {string} text
 */
function typed(view, text) {
  const { from, to } = view.state.selection,
    type = () => view.state.tr.insertText(text, from, to);
  if (!view.someProp("handleTextInput", (each) => each(view, from, to, text, type)))
    view.dispatch(type().scrollIntoView());
}

/**
 * Text of dictation or of a list of signs, while something is chosen.
 *
 * The browser would put it in the block's place in the page, and the editor read all that follows
 * as replaced. It is typed as by keys.
 *
 * @param {EditorView} view
 * @param {InputEvent} event
 */
function beforeChosen(view, event) {
  if (!event.data || event.inputType !== "insertText" || !leaveChosen(view)) return false;
  event.preventDefault();
  typed(view, event.data);
  return true;
}

/**
 * Whether the browser would take back, or give back, words of the mail while another field has the
 * caret.
 *
 * It keeps one list for all fields of a page: what was typed last is next in it, wherever that was.
 *
 * @param {EditorView} view
 * @param {InputEvent} event
 */
function isOfElsewhere(view, event) {
  if (!event.inputType.startsWith("history") || view.hasFocus()) return false;
  event.preventDefault();
  return true;
}

/** Keys and text that follow a move of the caret at once act where it is then. */
export function caretBeforeKeys() {
  /** @param {EditorView} view @param {KeyboardEvent | InputEvent} event */
  const read = (view, event) => {
    // An input method's key (229) belongs to its composition.
    if (!event.isComposing && !(event instanceof KeyboardEvent && event.keyCode === 229))
      readCaret(view);
    return false;
  };
  return new Plugin({
    props: {
      handleDOMEvents: {
        keydown: read,
        beforeinput: (view, event) =>
          isOfElsewhere(view, event) || read(view, event) || beforeChosen(view, event),
        // What an input method composes goes where the caret is when it begins.
        compositionstart: (view) => {
          leaveChosen(view);
          return false;
        },
      },
      handleKeyDown: (view, event) =>
        event.key === "Enter" &&
        !event.isComposing &&
        view.state.selection instanceof WholeText &&
        leaveChosen(view),
      handleTextInput(view, _from, _to, text) {
        if (!leaveChosen(view)) return false;
        typed(view, text);
        return true;
      },
    },
  });
}
