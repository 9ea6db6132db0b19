/** What keys, buttons and the list of blocks do to the document. */
import {
  chainCommands,
  createParagraphNear,
  deleteSelection,
  exitCode,
  joinBackward,
  joinForward,
  liftEmptyBlock,
  newlineInCode,
  selectNodeBackward,
  selectNodeForward,
  setBlockType,
  splitBlock,
  toggleMark,
  wrapIn,
  lift,
} from "prosemirror-commands";
import { redo, undo } from "prosemirror-history";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { Selection, TextSelection } from "prosemirror-state";
import { addRowAfter, goToNextCell, isInTable, nextCell } from "prosemirror-tables";
import { keepGrownRow } from "./grown_row.js";
import {
  endOf,
  flowEnd,
  flowIndex,
  flowStart,
  levelOf,
  move,
  nextNumber,
  positionOf,
} from "./outline.js";
import { schema } from "./schema.js";
import { chooseAll } from "./whole.js";
/** @import { Attrs, Node as DocNode, NodeType, ResolvedPos } from "prosemirror-model" */
/** @import { Command, EditorState, Transaction } from "prosemirror-state" */
/** @import { Alignment, Finish } from "./types.js" */

const { nodes, marks } = schema;
/** @param {ResolvedPos} $pos @param {...string} names */
const within = ($pos, ...names) => {
  for (let depth = $pos.depth; depth > 0; depth -= 1)
    if (names.includes($pos.node(depth).type.name)) return depth;
  return 0;
};

/**
 * Whether the caret is in a node of one of these names.
 *
 * @param {EditorState} state
 * @param {...string} names
 */
export const isIn = (state, ...names) => within(state.selection.$from, ...names) > 0;

/**
 * Put a paragraph behind what the caret is in, at the level that takes one.
 *
 * @param {($from: ResolvedPos) => number} depthOf
 * @returns {Command}
 */
function leaveDown(depthOf) {
  return (state, dispatch) => {
    const { $from, empty } = state.selection,
      depth = depthOf($from);
    if (!depth || !empty) return false;
    if (dispatch) {
      const at = $from.after(depth),
        tr = state.tr.insert(at, nodes.paragraph.create());
      dispatch(tr.setSelection(TextSelection.create(tr.doc, at + 1)).scrollIntoView());
    }
    return true;
  };
}

/**
 * Go on below the block that the caret is in, in an empty paragraph of the text.
 *
 * @type {Command}
 */
function goBelow(state, dispatch) {
  const { $to } = state.selection,
    { doc } = state;
  const index = Math.min(
    Math.max($to.index(0) + ($to.depth ? 1 : 0), flowStart(doc)),
    flowEnd(doc),
  );
  if (dispatch) dispatch(caretAt(state.tr, positionOf(doc, index)).scrollIntoView());
  return true;
}

/** @param {DocNode | null} node @returns {boolean} */
const isBlank = (node) => node !== null && node.type === nodes.paragraph && !node.content.size;

/**
 * Put the caret in an empty paragraph at a place between blocks; one is made where none stands.
 *
 * @param {Transaction} tr
 * @param {number} at
 */
export function caretAt(tr, at) {
  if (!isBlank(tr.doc.nodeAt(at))) tr.insert(at, nodes.paragraph.create());
  return tr.setSelection(TextSelection.create(tr.doc, at + 1));
}

/**
 * Enter in a last row that is empty takes the row away and leaves the table, as in a list.
 *
 * @type {Command}
 */
function leaveEmptyRow(state, dispatch) {
  const { $from, empty } = state.selection,
    depth = within($from, "table_cell", "table_header");
  if (!depth || !empty) return false;
  const row = $from.node(depth - 1),
    table = $from.node(depth - 2),
    index = $from.index(depth - 2);
  if (!index || index < table.childCount - 1 || row.children.some((cell) => cell.content.size))
    return false;
  if (dispatch) {
    const tr = state.tr.delete($from.before(depth - 1), $from.after(depth - 1));
    dispatch(caretAt(tr, tr.mapping.map($from.after(depth - 2))).scrollIntoView());
  }
  return true;
}

/**
 * Up and down go to the cell of the same column; from the last row below the table, where no text
 * follows. Text that does follow is gone to by the browser, but from an empty cell, which it leaves
 * sideways.
 *
 * @param {number} by
 * @returns {Command}
 */
function otherRow(by) {
  return (state, dispatch, view) => {
    const { $head, empty } = state.selection,
      depth = within($head, "table_cell", "table_header");
    if (!depth || !empty || (view && !view.endOfTextblock(by > 0 ? "down" : "up"))) return false;
    const $next = nextCell(state.doc.resolve($head.before(depth)), "vert", by);
    if ($next) {
      if (dispatch) dispatch(state.tr.setSelection(Selection.near($next, 1)).scrollIntoView());
      return true;
    }
    const $after = state.doc.resolve($head.after(depth - 2)),
      { nodeAfter } = $after;
    if (by < 0) return false;
    if (nodeAfter && nodeAfter.isTextblock) {
      if ($head.parent.content.size) return false;
      if (dispatch) dispatch(state.tr.setSelection(Selection.near($after, 1)).scrollIntoView());
      return true;
    }
    if (dispatch) dispatch(caretAt(state.tr, $after.pos).scrollIntoView());
    return true;
  };
}

/** Enter at the end of a table leaves it; Tab there adds a row. @type {Command} */
function leaveTable(state, dispatch) {
  const { $from, empty } = state.selection,
    depth = within($from, "table_cell", "table_header");
  if (!depth || !empty || $from.parentOffset < $from.parent.content.size) return false;
  const row = $from.node(depth - 1),
    table = $from.node(depth - 2);
  if ($from.index(depth - 1) < row.childCount - 1 || $from.index(depth - 2) < table.childCount - 1)
    return false;
  if (dispatch) dispatch(caretAt(state.tr, $from.after(depth - 2)).scrollIntoView());
  return true;
}

/**
 * From the last cell of a table, Tab goes on in a new row, and from one that is empty out of it.
 *
 * @type {Command}
 */
function growTable(state, dispatch) {
  const { $from } = state.selection,
    depth = within($from, "table_cell", "table_header");
  if (!depth || $from.index(depth - 1) < $from.node(depth - 1).childCount - 1) return false;
  if (leaveEmptyRow(state, dispatch)) return true;
  if (!dispatch) return true;
  const after = $from.after(depth - 1);
  addRowAfter(state, (tr) =>
    dispatch(
      keepGrownRow(tr, after)
        .setSelection(Selection.near(tr.doc.resolve(after + 1), 1))
        .scrollIntoView(),
    ),
  );
  return true;
}

/** From a line of the head into the next; from the title into the text. @type {Command} */
const intoNext = (state, dispatch) => {
  const { $from } = state.selection;
  if (!within($from, "masthead", "title")) return false;
  if (dispatch)
    dispatch(
      state.tr.setSelection(Selection.near(state.doc.resolve($from.after(1)), 1)).scrollIntoView(),
    );
  return true;
};

/** @type {Command} */
const insertBreak = (state, dispatch) => {
  if (
    !state.selection.$from.parent.inlineContent ||
    !state.selection.$from.parent.type.contentMatch.matchType(nodes.break)
  )
    return false;
  if (dispatch) dispatch(state.tr.replaceSelectionWith(nodes.break.create()).scrollIntoView());
  return true;
};
/** @type {Command} */
const breakInCell = (state, dispatch) =>
  within(state.selection.$from, "table_cell", "table_header") > 0 && insertBreak(state, dispatch);

/** A heading split amid its words leaves the rest as text, but for a part that goes on as one. */
const enter = chainCommands(
  intoNext,
  leaveEmptyRow,
  leaveTable,
  breakInCell,
  newlineInCode,
  leaveDown(($from) => within($from, "link", "button")),
  leaveDown(($from) => {
    const depth = within($from, "gallery") || within($from, "picture");
    return depth;
  }),
  leaveDown(($from) => (within($from, "quotation_source") ? within($from, "quotation") : 0)),
  splitListItem(nodes.list_item),
  createParagraphNear,
  liftEmptyBlock,
  splitBlock,
);

/**
 * At the start of a heading, the heading becomes text; at the flow's start nothing goes up.
 *
 * @type {Command}
 */
const backIntoText = (state, dispatch) => {
  const { $from, empty } = state.selection;
  if (!empty || $from.parentOffset || !$from.parent.isTextblock) return false;
  const name = $from.parent.type.name;
  if (["chapter", "section", "item", "heading"].includes(name))
    return setBlockType(nodes.paragraph)(state, dispatch);
  if (["verbatim", "comment"].includes(name) && !$from.parent.content.size)
    return setBlockType(nodes.paragraph)(state, dispatch);
  if (["link", "button", "picture"].includes(name) && !$from.parent.content.size) {
    if ($from.depth > 1 && name === "picture") return true;
    if (dispatch) {
      const tr = state.tr.replaceWith($from.before(), $from.after(), nodes.paragraph.create());
      dispatch(tr.setSelection(TextSelection.create(tr.doc, $from.before() + 1)).scrollIntoView());
    }
    return true;
  }
  if (["link", "button", "picture", "masthead", "title"].includes(name)) return true;
  if (name === "credit" && !$from.index(1)) return true;
  return (
    $from.depth === 1 &&
    $from.index(0) === flowStart(state.doc) &&
    ($from.parent.content.size > 0 || flowEnd(state.doc) - flowStart(state.doc) === 1)
  );
};

const backspace = chainCommands(
  deleteSelection,
  backIntoText,
  liftFirstItem,
  joinBackward,
  selectNodeBackward,
);
const forwards = chainCommands(deleteSelection, keepFromBelow, joinForward, selectNodeForward);

/** At the start of a list's item, Backspace takes the item out of the list. @type {Command} */
function liftFirstItem(state, dispatch) {
  const { $from, empty } = state.selection;
  if (
    !empty ||
    $from.parentOffset ||
    $from.depth < 2 ||
    $from.node(-1).type !== nodes.list_item ||
    $from.index(-1)
  )
    return false;
  return liftListItem(nodes.list_item)(state, dispatch);
}

/** Delete at the end of a text joins no heading, link or picture to it. @type {Command} */
function keepFromBelow(state, dispatch) {
  const { $from, empty } = state.selection;
  if (!empty || $from.parentOffset < $from.parent.content.size || $from.depth !== 1) return false;
  const next =
    $from.index(0) + 1 < state.doc.childCount ? state.doc.child($from.index(0) + 1) : null;
  if (
    !next ||
    !["chapter", "section", "item", "link", "button", "picture", "credits"].includes(next.type.name)
  )
    return false;
  if (
    !$from.parent.content.size &&
    $from.index(0) >= flowStart(state.doc) &&
    next.type.name !== "credits"
  ) {
    if (dispatch) {
      const tr = state.tr.delete($from.before(), $from.after());
      dispatch(tr.setSelection(Selection.near(tr.doc.resolve($from.before()), 1)));
    }
  }
  return true;
}

/**
 * From one closing line into the next; from the last one, Tab leaves the mail.
 *
 * @param {number} by
 * @returns {Command}
 */
function otherLine(by) {
  return (state, dispatch) => {
    const { $from } = state.selection,
      depth = within($from, "credit");
    if (!depth) return false;
    const index = $from.index(depth - 1) + by,
      lines = $from.node(depth - 1);
    if (index >= lines.childCount) return false;
    const pos = by > 0 ? $from.after(depth) + 1 : $from.before(depth) - 1;
    if (dispatch)
      dispatch(state.tr.setSelection(Selection.near(state.doc.resolve(pos), by)).scrollIntoView());
    return true;
  };
}

/** @param {-1 | 1} direction @param {Command} other @returns {Command} */
const cellOr = (direction, other) => (state, dispatch, view) =>
  isInTable(state)
    ? goToNextCell(direction)(state, dispatch) || (direction > 0 && growTable(state, dispatch))
    : other(state, dispatch, view);

/**
 * A command whose keys are its own, also where there is nothing to do: without it, Ctrl+Shift+Z
 * with the capitals locked would undo once nothing is left to do again.
 *
 * @param {Command} command
 * @returns {Command}
 */
const always = (command) => (state, dispatch) => {
  command(state, dispatch);
  return true;
};

/** Keys by their names; the page adds those that open forms. @type {Record<string, Command>} */
export const KEYS = {
  Enter: enter,
  ArrowDown: otherRow(1),
  ArrowUp: otherRow(-1),
  "Shift-Enter": chainCommands(exitCode, insertBreak),
  "Mod-Enter": chainCommands(exitCode, goBelow),
  Backspace: backspace,
  "Mod-Backspace": backspace,
  "Shift-Backspace": backspace,
  Delete: forwards,
  "Mod-Delete": forwards,
  Tab: cellOr(1, chainCommands(sinkListItem(nodes.list_item), otherLine(1))),
  "Shift-Tab": cellOr(-1, chainCommands(liftListItem(nodes.list_item), otherLine(-1))),
  "Mod-b": toggleMark(marks.strong),
  "Mod-i": toggleMark(marks.emphasis),
  "Mod-Shift-x": toggleMark(marks.strikethrough),
  "Mod-e": toggleMark(marks.code),
  "Mod-a": chooseAll,
  "Mod-z": always(undo),
  "Mod-Shift-z": always(redo),
  "Mod-y": always(redo),
  "Alt-ArrowUp": move(true),
  "Alt-ArrowDown": move(false),
  "Mod-Alt-0": setBlockType(nodes.paragraph),
  "Mod-Alt-1": (state, dispatch, view) => become("chapter")(state, dispatch, view),
  "Mod-Alt-2": setBlockType(nodes.section),
  "Mod-Alt-3": setBlockType(nodes.item),
  "Mod-Alt-4": setBlockType(nodes.heading, { level: 4 }),
  "Mod-Shift-7": toggleList(nodes.ordered_list),
  "Mod-Shift-8": toggleList(nodes.bullet_list),
  "Mod-Shift-9": toggleQuotation,
};

/**
 * Make a list of the chosen blocks, another kind of list, or text again.
 *
 * @param {NodeType} type
 * @returns {Command}
 */
export function toggleList(type) {
  return (state, dispatch) => {
    const depth = within(state.selection.$from, "bullet_list", "ordered_list");
    if (!depth) return wrapInList(type)(state, dispatch);
    const list = state.selection.$from.node(depth);
    if (list.type === type) return liftListItem(nodes.list_item)(state, dispatch);
    if (dispatch)
      dispatch(state.tr.setNodeMarkup(state.selection.$from.before(depth), type, { start: 1 }));
    return true;
  };
}

/** @type {Command} */
export function toggleQuotation(state, dispatch) {
  return within(state.selection.$from, "quotation")
    ? lift(state, dispatch)
    : wrapIn(nodes.quotation)(state, dispatch);
}

/**
 * Go to the line that says where a quotation is from; it is made where there is none.
 *
 * @type {Command}
 */
export function addSource(state, dispatch) {
  const { $from } = state.selection,
    depth = within($from, "quotation");
  if (!depth) return false;
  if (dispatch) {
    const { tr } = state,
      end = $from.end(depth),
      last = $from.node(depth).lastChild;
    const isThere = last !== null && last.type === nodes.quotation_source;
    if (!isThere) tr.insert(end, nodes.quotation_source.create());
    const at = isThere ? end - 1 : end + 1;
    dispatch(tr.setSelection(TextSelection.create(tr.doc, at)).scrollIntoView());
  }
  return true;
}

/**
 * Make the block that the caret is in another kind of text.
 *
 * @param {string} name
 * @param {Attrs | null} [attrs]
 * @returns {Command}
 */
export const become =
  (name, attrs = null) =>
  (state, dispatch, view) => {
    const type = nodes[name];
    const given = name === "chapter" && !attrs ? { number: nextNumber(state.doc) } : attrs;
    if (isIn(state, "list_item", "quotation") && levelOf({ type })) {
      let lifted = false;
      // Each step of it acts on what the one before left.
      if (!dispatch || !view) return !dispatch;
      for (let tries = 0; tries < 8 && isIn(view.state, "list_item", "quotation"); tries += 1) {
        lifted =
          chainCommands(liftListItem(nodes.list_item), lift)(view.state, view.dispatch) || lifted;
      }
      return setBlockType(type, given)(view.state, view.dispatch) || lifted;
    }
    return setBlockType(type, given)(state, dispatch);
  };

/** Kinds that are written in at once; behind all others the text goes on. */
const WRITTEN_IN = ["table", "columns", "conditional", "comment", "verbatim"];

/**
 * Put a block where the caret is: instead of an empty paragraph, or behind what it stands in.
 *
 * @param {DocNode} node
 * @param {Finish | null} [finish]
 * @returns {Command}
 */
export function insert(node, finish = null) {
  return (state, dispatch) => {
    const { tr, doc } = state,
      { $to: $from } = state.selection;
    /** @type {number | null} */
    let at = null;
    if (
      $from.depth &&
      isBlank($from.parent) &&
      $from.node(-1).canReplaceWith($from.index(-1), $from.indexAfter(-1), node.type)
    ) {
      at = $from.before();
      tr.replaceWith(at, $from.after(), node);
    } else {
      for (let depth = $from.depth; depth >= 1 && at === null; depth -= 1) {
        const parent = $from.node(depth - 1),
          index = $from.indexAfter(depth - 1);
        if (parent.type !== nodes.list_item && parent.canReplaceWith(index, index, node.type))
          at = $from.after(depth);
      }
      if (at === null || $from.index(0) < flowStart(doc) || $from.index(0) > flowEnd(doc)) {
        const index = $from.index(0) + ($from.depth ? 1 : 0);
        at = positionOf(doc, Math.min(Math.max(index, flowStart(doc)), flowEnd(doc)));
      }
      tr.insert(at, node);
    }
    if (finish) finish(tr, at);
    const end = at + (tr.doc.nodeAt(at) || node).nodeSize,
      { parent } = tr.doc.resolve(end);
    const takesText = parent.canReplaceWith(
      tr.doc.resolve(end).index(),
      tr.doc.resolve(end).index(),
      nodes.paragraph,
    );
    if (takesText) caretAt(tr, end);
    if (WRITTEN_IN.includes(node.type.name))
      tr.setSelection(Selection.near(tr.doc.resolve(at + 1), 1));
    if (dispatch) dispatch(tr.scrollIntoView());
    return true;
  };
}

/**
 * Begin a new part behind the one that the caret is in.
 *
 * @param {string} name
 * @returns {Command}
 */
export function addPart(name) {
  return (state, dispatch) => {
    const { doc } = state;
    let index = flowIndex(state.selection.$from);
    if (index < 0) index = flowEnd(doc) - 1;
    const level = levelOf({ type: nodes[name] });
    let owner = index;
    while (
      owner >= flowStart(doc) &&
      !(levelOf(doc.child(owner)) && levelOf(doc.child(owner)) <= level)
    )
      owner -= 1;
    let end =
      owner >= flowStart(doc) && levelOf(doc.child(owner)) === level
        ? endOf(doc, owner)
        : index + 1;
    while (end < flowEnd(doc) && !levelOf(doc.child(end))) end += 1;
    if (dispatch) {
      const at = positionOf(doc, end),
        tr = state.tr;
      const node = nodes[name].create(name === "chapter" ? { number: nextNumber(doc) } : null);
      tr.insert(at, [node, nodes.paragraph.create()]);
      dispatch(tr.setSelection(TextSelection.create(tr.doc, at + 1)).scrollIntoView());
    }
    return true;
  };
}

/**
 * A table of empty cells under a head.
 *
 * @param {number} rows
 * @param {number} columns
 */
export function freshTable(rows, columns) {
  /** @param {NodeType} type */
  const row = (type) =>
    nodes.table_row.create(
      null,
      Array.from({ length: columns }, () => type.create()),
    );
  return nodes.table.create(null, [
    row(nodes.table_header),
    ...Array.from({ length: rows }, () => row(nodes.table_cell)),
  ]);
}

/**
 * Set how the columns of the chosen cells stand.
 *
 * @param {Alignment} value
 * @returns {Command}
 */
export function align(value) {
  return (state, dispatch) => {
    const depth = within(state.selection.$from, "table_cell", "table_header");
    if (!depth) return false;
    const column = state.selection.$from.index(depth - 1),
      table = state.selection.$from.node(depth - 2),
      start = state.selection.$from.start(depth - 2);
    if (dispatch) {
      const tr = state.tr;
      table.forEach((row, offset) => {
        let pos = start + offset + 1;
        row.forEach((cell, _, at) => {
          if (at === column) tr.setNodeMarkup(pos, null, { ...cell.attrs, align: value });
          pos += cell.nodeSize;
        });
      });
      dispatch(tr);
    }
    return true;
  };
}
