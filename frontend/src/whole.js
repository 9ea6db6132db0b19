/**
 * What Ctrl+A takes: the line that is written first, then all blocks of the text. The subject and
 * what stands around the text is no part of it: who writes the text anew keeps them.
 */
import { Selection, TextSelection } from "prosemirror-state";
import { flowEnd, flowIndex, flowStart, positionOf } from "./outline.js";
import { schema } from "./schema.js";
/** @import { Node as DocNode, Slice } from "prosemirror-model" */
/** @import { Command, Transaction } from "prosemirror-state" */

/**
 * All blocks of the text, also where the first or last is no line and no caret could stand there.
 */
export class WholeText extends Selection {
  /** @param {DocNode} doc */
  constructor(doc) {
    super(doc.resolve(positionOf(doc, flowStart(doc))), doc.resolve(positionOf(doc, flowEnd(doc))));
  }

  /** @param {Transaction} tr @param {Slice} [content] */
  replace(tr, content) {
    if (content && content.size) {
      super.replace(tr, content);
      return;
    }
    tr.replaceWith(this.from, this.to, schema.nodes.paragraph.create());
    tr.setSelection(TextSelection.create(tr.doc, this.from + 1));
  }

  /** @param {Selection} other */
  eq(other) {
    return other instanceof WholeText && other.from === this.from && other.to === this.to;
  }

  /** @param {DocNode} doc */
  map(doc) {
    return new WholeText(doc);
  }

  toJSON() {
    return { type: "text-whole" };
  }

  /** @param {DocNode} doc */
  static fromJSON(doc) {
    return new WholeText(doc);
  }

  getBookmark() {
    return {
      map: () => this.getBookmark(),
      resolve: (/** @type {DocNode} */ doc) => new WholeText(doc),
    };
  }
}
Selection.jsonID("text-whole", WholeText);

/** @type {Command} */
export const chooseAll = (state, dispatch) => {
  const { selection, doc } = state,
    { $from, $to, from, to } = selection;
  const isLine = $from.parent.isTextblock && $from.sameParent($to),
    isChosen = from <= $from.start() && to >= $from.end();
  const keepsLine = isLine && !(isChosen && flowIndex($from) >= 0);
  const next = keepsLine
    ? TextSelection.create(doc, $from.start(), $from.end())
    : new WholeText(doc);
  if (dispatch) dispatch(state.tr.setSelection(next));
  return true;
};
