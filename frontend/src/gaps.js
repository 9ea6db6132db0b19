/** The caret between two blocks: it stands where a paragraph can be begun, and nowhere else. */
import { GapCursor, gapCursor } from "prosemirror-gapcursor";
import { schema } from "./schema.js";
/** @import { ResolvedPos } from "prosemirror-model" */

/**
 * Where it may stand is a method of its own that is not in its published types.
 *
 * @typedef {{ valid: ($pos: ResolvedPos) => boolean }} Placing
 */
const between = /** @type {Placing} */ (/** @type {unknown} */ (GapCursor)),
  isFree = between.valid;

// By itself it would also stand where any line of text fits: typing between two cells would make a
// cell, between two pictures one without a file, above the title another title.
between.valid = (/** @type {ResolvedPos} */ $pos) =>
  isFree($pos) && $pos.parent.contentMatchAt($pos.index()).defaultType === schema.nodes.paragraph;

export { gapCursor };
