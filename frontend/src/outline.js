/**
 * Parts and blocks as they are moved, taken out and counted: newsletter/issues/outline.py's rules.
 */
import { NodeSelection, TextSelection, Selection } from "prosemirror-state";
import { desk } from "./page.js";
/** @import { Node as DocNode, ResolvedPos } from "prosemirror-model" */
/** @import { Command, EditorState, Transaction } from "prosemirror-state" */
/** @import { HeadLine } from "./types.js" */

/** @type {Record<string, number>} */
const LEVELS = { chapter: 1, section: 2, item: 3 };
/**
 * The level of a part's heading; 0 for what stands below one.
 *
 * @param {{ type: { name: string } }} node
 */
export const levelOf = (node) => LEVELS[node.type.name] || 0;
/**
 * What stands before the flow, in the order that the look prints it; credits stand behind it.
 *
 * @type {HeadLine[]}
 */
export const HEAD =
  desk && JSON.parse(desk.dataset.look || "{}").masthead === "rule"
    ? ["masthead", "dateline", "title"]
    : ["masthead", "title", "dateline"];
/**
 * The index at which the flow begins: behind the head of an issue; blocks by themselves have none.
 *
 * @param {DocNode} doc
 */
export const flowStart = (doc) => (isIssue(doc) ? HEAD.length : 0);
/** Whether a document is a whole issue, with head, parts and closing lines. @param {DocNode} doc */
export const isIssue = (doc) => doc.type.name === "issue";
/** The index of a line of the head. @param {HeadLine} name */
export const headIndex = (name) => HEAD.indexOf(name);
/**
 * The position behind a line of the head.
 *
 * @param {DocNode} doc
 * @param {HeadLine} name
 */
export const behindLine = (doc, name) => positionOf(doc, headIndex(name) + 1);
/** @param {DocNode} doc */
export const flowEnd = (doc) => (isIssue(doc) ? doc.childCount - 1 : doc.childCount);

/** Whether nothing is written below the head yet. @param {DocNode} doc */
export const isUnwritten = (doc) => {
  const { type, content } = doc.child(flowStart(doc));
  return flowEnd(doc) - flowStart(doc) === 1 && type.name === "paragraph" && !content.size;
};

/** The index of the flow's node at a position; -1 outside. @param {ResolvedPos} $pos */
export function flowIndex($pos) {
  const index = $pos.depth ? $pos.index(0) : $pos.nodeAfter ? $pos.index(0) : -1;
  return index >= flowStart($pos.doc) && index < flowEnd($pos.doc) ? index : -1;
}

/** @param {DocNode} doc @param {number} index */
export function positionOf(doc, index) {
  let pos = 0;
  for (let at = 0; at < index; at += 1) pos += doc.child(at).nodeSize;
  return pos;
}

/**
 * Where what belongs to the node at an index ends.
 *
 * @param {DocNode} doc
 * @param {number} index
 */
export function endOf(doc, index) {
  const level = levelOf(doc.child(index));
  if (!level) return index + 1;
  let end = index + 1;
  while (end < flowEnd(doc)) {
    const next = levelOf(doc.child(end));
    if (next && next <= level) break;
    end += 1;
  }
  return end;
}

/**
 * The end of a part's own text, before the parts within it.
 *
 * @param {DocNode} doc
 * @param {number} index
 */
const ownEnd = (doc, index) => {
  let end = index + 1;
  while (end < flowEnd(doc) && !levelOf(doc.child(end))) end += 1;
  return end;
};

/**
 * Before which index it would stand one place up or down; its own where it can go no further.
 *
 * @param {DocNode} doc
 * @param {number} index
 * @param {boolean} up
 */
export function neighbour(doc, index, up) {
  const level = levelOf(doc.child(index)),
    end = endOf(doc, index);
  if (!level) {
    if (up) return index > flowStart(doc) ? index - 1 : index;
    return end < flowEnd(doc) ? end + 1 : index;
  }
  if (up) {
    for (let before = index - 1; before >= flowStart(doc); before -= 1) {
      const other = levelOf(doc.child(before));
      if (other && (level === 3 || other <= level)) return before;
    }
    return index;
  }
  if (end >= flowEnd(doc)) return index;
  const other = levelOf(doc.child(end));
  if (level === 3) return ownEnd(doc, end);
  if (level === 2 && other === 1) return endOfItems(doc, end);
  return endOf(doc, end);
}

/** @param {DocNode} doc */
const firstPart = (doc) => {
  for (let at = flowStart(doc); at < flowEnd(doc); at += 1) if (levelOf(doc.child(at))) return at;
  return flowEnd(doc);
};

/** @param {DocNode} doc @param {number} chapter */
function endOfItems(doc, chapter) {
  let end = ownEnd(doc, chapter);
  while (end < flowEnd(doc) && levelOf(doc.child(end)) === 3) end = ownEnd(doc, end);
  return end;
}

/**
 * Move what begins at an index before another; null where that would change nothing.
 *
 * @param {EditorState} state
 * @param {number} index
 * @param {number} before
 */
export function moveTo(state, index, before) {
  const { doc } = state,
    end = endOf(doc, index);
  if (before >= index && before <= end) return null;
  const first = firstPart(doc),
    level = levelOf(doc.child(index));
  // Nothing but chapters stands before the first chapter: else the lead would become a part's text.
  if (level > 1 && first < flowEnd(doc) && before <= first && levelOf(doc.child(first)) === 1)
    return null;
  const from = positionOf(doc, index),
    to = positionOf(doc, end),
    target = positionOf(doc, before);
  const slice = doc.slice(from, to),
    offset = state.selection.from - from,
    inside = state.selection.from >= from && state.selection.to <= to;
  const tr = state.tr.delete(from, to);
  const at = tr.mapping.map(target);
  tr.insert(at, slice.content);
  if (inside && state.selection instanceof NodeSelection)
    tr.setSelection(NodeSelection.create(tr.doc, at + offset));
  else
    tr.setSelection(
      Selection.near(tr.doc.resolve(Math.min(at + (inside ? offset : 1), tr.doc.content.size))),
    );
  return tr.scrollIntoView();
}

/** @param {DocNode} doc */
const chapterNumbers = (doc) => {
  /** @type {{ pos: number, node: DocNode }[]} */
  const found = [];
  doc.forEach((node, pos) => {
    if (node.type.name === "chapter" && node.attrs.number !== null) found.push({ pos, node });
  });
  return found;
};

/**
 * Count chapters anew where they were counted from 1 before; null where they need no change.
 *
 * @param {DocNode} before
 * @param {EditorState} state
 */
export function renumbered(before, state) {
  const numbers = chapterNumbers(before).map(({ node }) => node.attrs.number);
  if (!numbers.length || numbers.some((number, at) => number !== at + 1)) return null;
  const tr = state.tr;
  chapterNumbers(state.doc).forEach(({ pos, node }, at) => {
    if (node.attrs.number !== at + 1) tr.setNodeMarkup(pos, null, { number: at + 1 });
  });
  return tr.docChanged ? tr : null;
}

/**
 * The number of a chapter that is added: the next one where the issue counts its chapters.
 *
 * @param {DocNode} doc
 */
export function nextNumber(doc) {
  const numbers = chapterNumbers(doc).map(({ node }) => node.attrs.number);
  return numbers.length ? Math.max(...numbers) + 1 : null;
}

/**
 * Alt+↑↓: the list item, or the block or part that the caret is in.
 *
 * @param {boolean} up
 * @returns {Command}
 */
export function move(up) {
  return (state, dispatch) => {
    const { $from } = state.selection;
    for (let depth = $from.depth; depth > 0; depth -= 1) {
      const node = $from.node(depth),
        parent = $from.node(depth - 1),
        at = $from.index(depth - 1);
      const isNested =
        depth > 1 &&
        (node.type.name === "list_item" || ["column", "quotation"].includes(parent.type.name)) &&
        node.type.name !== "quotation_source";
      if (!isNested) continue;
      const other = at + (up ? -1 : 1);
      if (
        other < 0 ||
        other >= parent.childCount ||
        parent.child(other).type.name === "quotation_source"
      )
        continue;
      if (dispatch) dispatch(swap(state, $from.before(depth), node, parent.child(other), up));
      return true;
    }
    const index = flowIndex(
      state.selection instanceof NodeSelection && !$from.depth
        ? state.doc.resolve($from.pos)
        : $from,
    );
    if (index < 0) return false;
    const tr = moveTo(state, index, neighbour(state.doc, index, up));
    if (dispatch && tr) dispatch(tr);
    return true;
  };
}

/**
 * @param {EditorState} state
 * @param {number} pos
 * @param {DocNode} node
 * @param {DocNode} other
 * @param {boolean} up
 */
function swap(state, pos, node, other, up) {
  const offset = state.selection.from - pos;
  const target = up ? pos - other.nodeSize : pos + other.nodeSize;
  const tr = state.tr.delete(pos, pos + node.nodeSize).insert(target, node);
  return tr.setSelection(TextSelection.near(tr.doc.resolve(target + offset))).scrollIntoView();
}

/**
 * Take out what the caret is in: the block, or the part with all that belongs to it.
 *
 * @param {EditorState} state
 * @param {((tr: Transaction) => void) | undefined} dispatch
 * @param {number} [index]
 */
export function remove(state, dispatch, index = flowIndex(state.selection.$from)) {
  if (index < 0) return false;
  const { doc } = state,
    end = endOf(doc, index);
  if (dispatch) {
    const tr = state.tr;
    const whole = index === flowStart(doc) && end === flowEnd(doc);
    if (whole)
      tr.replaceWith(
        positionOf(doc, index),
        positionOf(doc, end),
        state.schema.nodes.paragraph.create(),
      );
    else tr.delete(positionOf(doc, index), positionOf(doc, end));
    tr.setSelection(
      Selection.near(tr.doc.resolve(Math.min(positionOf(doc, index), tr.doc.content.size)), -1),
    );
    dispatch(tr.scrollIntoView());
  }
  return true;
}

/**
 * Put a copy behind what begins at an index.
 *
 * @param {EditorState} state
 * @param {((tr: Transaction) => void) | undefined} dispatch
 * @param {number} [index]
 */
export function duplicate(state, dispatch, index = flowIndex(state.selection.$from)) {
  if (index < 0) return false;
  const { doc } = state,
    from = positionOf(doc, index),
    to = positionOf(doc, endOf(doc, index));
  if (dispatch) {
    const tr = state.tr.insert(to, doc.slice(from, to).content);
    tr.setSelection(Selection.near(tr.doc.resolve(to + 1)));
    dispatch(tr.scrollIntoView());
  }
  return true;
}
