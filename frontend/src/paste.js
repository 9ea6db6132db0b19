/** What is pasted, fitted to where it goes: into a line, a cell, between blocks. */
import { Fragment, Slice } from "prosemirror-model";
import { Plugin, TextSelection } from "prosemirror-state";
import { takeAccount } from "./clean.js";
import { caretAt } from "./commands.js";
import { flowEnd, positionOf } from "./outline.js";
import { say } from "./page.js";
import { schema } from "./schema.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { Transaction } from "prosemirror-state" */
/** @import { EditorView } from "prosemirror-view" */

const LINES = ["masthead", "title", "credit", "link", "button", "chapter", "section", "item"];
const PLAIN = [...LINES, "credits", "paragraph", "heading", "text", "break"];

/**
 * The words of a slice, a line of it a line; the cells of a row stand in one.
 *
 * @param {Fragment} content
 * @returns {string[]}
 */
function linesOf(content) {
  /** @type {string[]} */
  const found = [];
  content.forEach((node) => {
    if (node.isInline)
      found.push(
        (found.pop() || "") + (node.isText ? node.text : node.type.name === "break" ? "\n" : ""),
      );
    else if (node.type.name === "table_row")
      found.push(node.children.map((cell) => cell.textContent).join(" "));
    else if (node.isTextblock) found.push(node.textContent);
    else found.push(...linesOf(node.content));
  });
  return found
    .flatMap((line) => line.split("\n"))
    .map((line) => line.trim())
    .filter(Boolean);
}

/**
 * Paste into a field of one line. Closing lines take each line as one of theirs; below a heading of
 * the text, blocks go on as blocks; all else becomes words, and what is lost by that is said.
 *
 * @param {EditorView} view
 * @param {Slice} slice
 * @param {(sentences: string[]) => void} tell
 */
export function pasteLine(view, slice, tell) {
  const { $from, $to, from, to } = view.state.selection,
    name = $from.parent.type.name;
  if (!LINES.includes(name) || !$from.sameParent($to)) return false;
  const lines = linesOf(slice.content),
    { tr } = view.state;
  if (!lines.length) {
    if (slice.content.size) tell([say("formatsLost")]);
    return true;
  }
  const blocks = slice.content.content.filter((node) => node.isBlock);
  const isPart = ["chapter", "section", "item"].includes(name);
  if (isPart && blocks.length > 1 && blocks.every(isFlow)) {
    const first = blocks[0].isTextblock ? linesOf(blocks[0].content).join(" ") : "";
    if (first) tr.insertText(first, from, to);
    const at = tr.doc.resolve(from).after(),
      rest = first ? blocks.slice(1) : blocks;
    tr.insert(at, rest);
    settle(tr, at + rest.reduce((size, node) => size + node.nodeSize, 0));
    view.dispatch(tr.scrollIntoView());
    return true;
  }
  if (name === "credit") {
    const made = lines.map((line) => schema.nodes.credit.create(null, schema.text(line)));
    tr.replace(from, to, new Slice(Fragment.fromArray(made), 1, 1));
    tr.setSelection(TextSelection.create(tr.doc, tr.mapping.map(to)));
  } else tr.insertText(lines.join(" "), from, to);
  view.dispatch(tr.scrollIntoView());
  let lost = false;
  slice.content.descendants((node) => {
    lost = lost || node.marks.length > 0 || !PLAIN.includes(node.type.name);
    return !lost;
  });
  if (lost) tell([say("formatsLost")]);
  return true;
}

/** @param {DocNode} node */
function isFlow(node) {
  try {
    node.check();
  } catch {
    return false;
  }
  return node.type.isInGroup("flow");
}

/**
 * Put the caret where what was pasted ends: in its last paragraph, or in a new one behind it.
 *
 * @param {Transaction} tr
 * @param {number} end
 */
function settle(tr, end) {
  let $end = tr.doc.resolve(end);
  const last = $end.nodeBefore;
  if (last && last.type === schema.nodes.paragraph)
    return tr.setSelection(TextSelection.create(tr.doc, end - 1));
  while (
    $end.depth &&
    !$end.parent.canReplaceWith($end.index(), $end.index(), schema.nodes.paragraph)
  )
    $end = tr.doc.resolve($end.after());
  const index = $end.depth ? -1 : $end.index(0);
  if (index > flowEnd(tr.doc)) $end = tr.doc.resolve(positionOf(tr.doc, flowEnd(tr.doc)));
  return caretAt(tr, $end.pos);
}

/** Text that is typed after a paste goes on behind what was pasted, never in what comes next. */
export function caretAfterPaste() {
  return new Plugin({
    appendTransaction(transactions, _before, state) {
      const pasted = transactions.find(
        (tr) => tr.docChanged && ["paste", "drop"].includes(tr.getMeta("uiEvent")),
      );
      if (!pasted) return null;
      let end = 0;
      pasted.mapping.maps.forEach((map, at) =>
        map.forEach((_from, _to, _start, stop) => {
          end = Math.max(end, pasted.mapping.slice(at + 1).map(stop));
        }),
      );
      const { selection } = state,
        isText = selection instanceof TextSelection && selection.from <= end;
      if (isText || pasted.doc !== state.doc || state.doc.resolve(end).parent.inlineContent)
        return null;
      return settle(state.tr, end).scrollIntoView();
    },
  });
}

/**
 * A pasted slice with what an issue can hold: pictures of the web alone, tables whose rows are of
 * one width.
 *
 * @param {Slice} slice
 * @param {(sentences: string[]) => void} tell
 */
export function fitSlice(slice, tell) {
  const account = takeAccount();
  let lost = 0;
  /** @param {DocNode} node @returns {DocNode | null} */
  const fit = (node) => {
    if (node.type.name === "picture" && !/^https?:/i.test(node.attrs.source)) {
      lost += 1;
      return null;
    }
    if (node.isText || node.isLeaf) return node;
    /** @type {DocNode[]} */
    const children = [];
    node.forEach((child) => {
      const kept = fit(child);
      if (kept) children.push(kept);
    });
    const content = Fragment.fromArray(node.type.name === "table" ? squared(children) : children);
    if (!content.size && !node.type.validContent(Fragment.empty)) return null;
    return node.type.validContent(content)
      ? node.copy(content)
      : node.type.createAndFill(node.attrs, content) || node;
  };
  /** @type {DocNode[]} */
  const found = [];
  slice.content.forEach((node) => {
    const kept = fit(node);
    if (kept) found.push(kept);
  });
  const fitted = Fragment.fromArray(found);
  tell(account ? account.settle(fitted) : []);
  return lost || found.length !== slice.content.childCount
    ? Slice.maxOpen(fitted)
    : new Slice(fitted, slice.openStart, slice.openEnd);
}

/**
 * How a column stands, for which a table has one word: as its filled cells below the head all do,
 * or as the head.
 *
 * @param {DocNode[]} rows
 * @param {number} column
 */
function alignmentOf(rows, column) {
  const [head, ...others] = rows.map((row) => row.maybeChild(column)),
    filled = others.filter((cell) => cell !== null && Boolean(cell.textContent.trim()));
  const [first] = filled;
  return first && filled.every((cell) => cell?.attrs.align === first.attrs.align)
    ? first.attrs.align
    : (head && head.attrs.align) || "";
}

/**
 * Rows of one width under a row of head cells, columns of one alignment.
 *
 * @param {DocNode[]} rows
 */
function squared(rows) {
  const width = Math.max(1, ...rows.map((row) => row.childCount));
  const alignments = Array.from({ length: width }, (_, column) => alignmentOf(rows, column));
  return rows.map((row, at) => {
    const type = at ? schema.nodes.table_cell : schema.nodes.table_header;
    const cells = Array.from({ length: width }, (_, column) => {
      const cell = row.maybeChild(column);
      return type.create({ align: alignments[column] }, cell && cell.content);
    });
    return schema.nodes.table_row.create(null, cells);
  });
}
