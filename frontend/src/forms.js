/** Forms of what stands in the document: each changes the node that it was opened for. */
import { Fragment, NodeRange, Slice } from "prosemirror-model";
import { NodeSelection, TextSelection } from "prosemirror-state";
import { ReplaceAroundStep } from "prosemirror-transform";
import { readerWord } from "./cards.js";
import { ask } from "./dialogs.js";
import { readRuns, textOf, writeRuns } from "./inline.js";
import { kindOf } from "./kinds.js";
import { readersWord } from "./readers.js";
import { flowIndex, positionOf } from "./outline.js";
import { announce, desk, offered, say } from "./page.js";
import { schema } from "./schema.js";
/** @import { Attrs, Mark, Node as DocNode } from "prosemirror-model" */
/** @import { Command, EditorState, Transaction } from "prosemirror-state" */
/** @import { EditorView } from "prosemirror-view" */
/** @import { Choice, Field, Finish, Form, KindField, Run } from "./types.js" */

/** @param {EditorView} view @param {number} pos */
const rectOf = (view, pos) => {
  const dom = view.nodeDOM(pos);
  if (dom instanceof HTMLElement) return dom.getBoundingClientRect();
  const at = view.coordsAtPos(pos);
  return new DOMRect(at.left, at.top, 1, at.bottom - at.top);
};
/**
 * The form of a node: its own, or that of its kind; null for what has none.
 *
 * @param {DocNode} node
 */
function formOf(node) {
  /** @type {Record<string, Form | undefined>} */
  const own = FORMS;
  const entry = kindOf(node);
  return (
    own[node.type.name] ||
    (entry && entry.fields && entry.fields.length ? formOfKind(entry.kind, entry.fields) : null)
  );
}

/** Whether a node has a form. @param {DocNode} node */
export const hasForm = (node) => Boolean(formOf(node));

/**
 * Open the form of the node at a position, and keep what was answered.
 *
 * @param {EditorView} view
 * @param {number | undefined} pos none once the node is gone
 */
export async function openForm(view, pos) {
  const node = pos === undefined ? null : view.state.doc.nodeAt(pos),
    form = node && formOf(node);
  if (pos === undefined || !node || !form) return;
  const answer = await ask({
    title: say(form.title),
    fields: form.fields(node),
    values: form.values(node),
    near: rectOf(view, pos),
    act: say("apply"),
    remove: form.keeps ? "" : say("delete"),
  });
  view.focus();
  const now = view.state.doc.nodeAt(pos);
  if (!now || now.type !== node.type) return;
  if (answer === "remove") {
    view.dispatch(view.state.tr.delete(pos, pos + now.nodeSize));
    return;
  }
  if (answer) view.dispatch(form.apply(view.state.tr, pos, now, answer).scrollIntoView());
}

/**
 * Ask for what a new node needs; `put` is called with what completes it, only once it is confirmed.
 *
 * @param {EditorView} view
 * @param {DocNode} node
 * @param {(finish: Finish | null) => void} put
 */
export async function askFresh(view, node, put) {
  const form = formOf(node);
  if (!form) {
    put(null);
    return;
  }
  const at = view.coordsAtPos(view.state.selection.from);
  const answer = await ask({
    title: say(form.title),
    fields: form.fields(node),
    values: form.values(node),
    near: new DOMRect(at.left, at.top, 1, at.bottom - at.top),
    act: say("insert"),
  });
  view.focus();
  if (answer && answer !== "remove") put((tr, pos) => form.apply(tr, pos, node, answer));
}

/**
 * Change a node where it stands: whoever is in it, or has chosen it, stays there.
 *
 * @param {Transaction} tr
 * @param {number} pos
 * @param {Attrs} attrs
 */
function change(tr, pos, attrs) {
  const held = tr.doc.nodeAt(pos)?.attrs || {};
  for (const [name, value] of Object.entries(attrs))
    if (JSON.stringify(held[name]) !== JSON.stringify(value)) tr.setNodeAttribute(pos, name, value);
  return tr;
}

/**
 * Give a node other words, where they are others.
 *
 * @param {Transaction} tr
 * @param {number} pos
 * @param {DocNode} node
 * @param {string} words
 */
const relabel = (tr, pos, node, words) =>
  node.textContent === (words || "")
    ? tr
    : tr.replaceWith(pos + 1, pos + 1 + node.content.size, words ? schema.text(words) : []);

/**
 * Take a wrapper from around what is in it.
 *
 * @param {Transaction} tr
 * @param {number} pos
 * @param {DocNode} node
 */
const unwrap = (tr, pos, node) =>
  tr.step(
    new ReplaceAroundStep(
      pos,
      pos + node.nodeSize,
      pos + 1,
      pos + node.nodeSize - 1,
      Slice.empty,
      0,
      true,
    ),
  );

/**
 * The form of a kind of block, by its fields in the table of kinds.
 *
 * @param {string} kind
 * @param {KindField[]} fields
 * @returns {Form}
 */
function formOfKind(kind, fields) {
  const words = fields.find((field) => "content" in field && field.content);
  return {
    title: `kind.${kind}`,
    fields: () => fields,
    values: (node) => node.attrs.value || { ...node.attrs, label: node.textContent },
    apply: (tr, pos, now, answer) => {
      if (now.attrs.value) return change(tr, pos, { value: { ...now.attrs.value, ...answer } });
      change(
        tr,
        pos,
        Object.fromEntries(
          fields.filter((field) => field !== words).map(({ name }) => [name, answer[name]]),
        ),
      );
      return words ? relabel(tr, pos, now, String(answer[words.name])) : tr;
    },
  };
}

/** @param {string} text */
function asRuns(text) {
  /** @type {Run[]} */
  const found = [];
  text.split("\n").forEach((line, at) => {
    if (at) found.push({ kind: "break" });
    if (line) found.push({ kind: "text", text: line });
  });
  return found;
}

/**
 * A note with its words changed; what stays of it before and behind keeps its marks and links.
 *
 * @param {Run[]} content
 * @param {string} text
 */
function reworded(content, text) {
  const held = schema.nodes.paragraph.create(null, readRuns(schema, content)),
    before = held.textContent;
  if (held.content.size !== before.length) return asRuns(text);
  let start = 0,
    end = 0;
  while (start < Math.min(before.length, text.length) && before[start] === text[start]) start += 1;
  while (
    end < Math.min(before.length, text.length) - start &&
    before[before.length - 1 - end] === text[text.length - 1 - end]
  )
    end += 1;
  const middle = schema.nodes.paragraph.create(
    null,
    readRuns(schema, asRuns(text.slice(start, text.length - end))),
  );
  /** @param {number} at @returns {readonly Mark[]} */
  const marksAt = (at) => held.nodeAt(at)?.marks || [];
  const marks = start
    ? marksAt(start - 1).filter(
        (mark) =>
          mark.type.spec.inclusive !== false ||
          mark.isInSet(end ? marksAt(before.length - end) : []),
      )
    : [];
  const changed = middle.children.map((node) => node.mark(marks));
  return writeRuns(
    held.content
      .cut(0, start)
      .append(Fragment.fromArray(changed))
      .append(held.content.cut(before.length - end)),
  );
}

/**
 * The choice that a part was given and that is there no more; a single word is no query, so it was
 * a segment's name.
 *
 * @param {string} condition
 * @returns {Choice[]}
 */
const deletedSegment = (condition) =>
  condition && !/\s/.test(condition) && !offered("segments").includes(condition)
    ? [[condition, say("segmentGone", { segment: condition }), "gone"]]
    : [];

/**
 * Whom a part may be for, kind by kind; what it has stands among them, whatever it is.
 *
 * @param {string} condition
 * @returns {[label: string, choices: Choice[]][]}
 */
function choicesOfReaders(condition) {
  const groups = offered("readers");
  const isKnown =
    !condition || groups.some(([, choices]) => choices.some(([value]) => value === condition));
  const gone = isKnown ? [] : deletedSegment(condition);
  /** @type {Choice[]} */
  const own = isKnown || gone.length ? gone : [[condition, readersWord(condition)]];
  return [["", [["", say("everybody")], ...own]], ...groups];
}

/**
 * Open the page on which a segment is built; once it is saved there, it is chosen here.
 *
 * @param {(choice: Choice) => void} put
 */
function buildSegment(put) {
  const channel = new BroadcastChannel("segments");
  channel.onmessage = ({ data }) => {
    if (data.newsletter !== String(desk.dataset.builder).split("/")[2]) return;
    desk.dataset.segments = JSON.stringify([...offered("segments"), data.name]);
    put([data.name, data.name]);
    announce(say("conditionBuilt", { segment: data.name }));
    channel.close();
  };
  window.open(desk.dataset.builder, "segment-builder");
}

/**
 * For whom a part or some blocks are; blocks that are for everybody stand by themselves again.
 *
 * @param {string} title
 * @returns {Form<{ condition: string }>}
 */
function conditioned(title) {
  return {
    title,
    keeps: true,
    fields: (node) => [
      {
        name: "condition",
        word: "condition",
        folded: "conditionQuery",
        inner: "byQuery",
        groups: choicesOfReaders(node ? node.attrs.condition : ""),
        more: desk.dataset.builder ? { word: "conditionBuild", act: buildSegment } : null,
      },
    ],
    values: (node) => node.attrs,
    apply: (tr, pos, node, { condition }) =>
      node.type.name === "conditional" && !condition
        ? unwrap(tr, pos, node)
        : change(tr, pos, { condition }),
  };
}

/**
 * The part or block of the flow that the caret stands in, where it can be for some readers.
 *
 * @param {EditorState} state
 */
function partAt(state) {
  const index = flowIndex(state.selection.$from);
  const node = index < 0 ? null : state.doc.child(index);
  if (
    !node ||
    !("condition" in node.attrs || schema.nodes.conditional.contentMatch.matchType(node.type))
  )
    return null;
  return { node, pos: positionOf(state.doc, index) };
}

/**
 * Whether the caret stands in what can be for some readers, and whether it is.
 *
 * @param {EditorState} state
 */
export const takesReaders = (state) => Boolean(partAt(state));
/** @param {EditorState} state */
export const isForSome = (state) => {
  const part = partAt(state);
  return Boolean(part && part.node.attrs.condition);
};

/** Choose for whom the part or block at the caret is. @param {EditorView} view */
export function chooseReadersHere(view) {
  const part = partAt(view.state);
  if (part) chooseReaders(view, part.pos);
}

/**
 * Choose for whom the node at a position is; blocks are put into a part for some.
 *
 * @param {EditorView} view
 * @param {number} pos
 */
export async function chooseReaders(view, pos) {
  const node = view.state.doc.nodeAt(pos);
  if (!node) return;
  if ("condition" in node.attrs) {
    openForm(view, pos);
    return;
  }
  const { conditional } = schema.nodes;
  if (!conditional.contentMatch.matchType(node.type)) return;
  const form = FORMS.conditional;
  const answer = await ask({
    title: say(form.title),
    fields: form.fields(),
    values: {},
    near: rectOf(view, pos),
    act: say("apply"),
  });
  view.focus();
  const now = view.state.doc.nodeAt(pos);
  if (!answer || answer === "remove" || !answer.condition || now !== node) return;
  const { tr } = view.state,
    $start = tr.doc.resolve(pos);
  // A wrapper around what stays: the caret stays in it.
  tr.wrap(new NodeRange($start, tr.doc.resolve(pos + now.nodeSize), $start.depth), [
    { type: conditional, attrs: answer },
  ]);
  view.dispatch(tr.scrollIntoView());
}

/** @typedef {Form<{ condition: string }>} FormOfReaders */
/**
 * Forms of nodes that are no kind of block, or that have more than a kind's fields.
 *
 * @type {{
 *   link: Form<{ url: string, label: string }>,
 *   dateline: Form<{ issue_date: string, number: string }>,
 *   footnote: Form<{ text: string }>,
 *   remark: Form<{ text: string }>,
 *   field: Form<{ field: string, fallback: string }>,
 *   chapter: FormOfReaders,
 *   section: FormOfReaders,
 *   item: FormOfReaders,
 *   conditional: FormOfReaders,
 * }}
 */
const FORMS = {
  link: {
    title: "kind.link",
    fields: () => [
      { name: "url", word: "address", type: "url", required: true },
      { name: "label", word: "linkWords", hint: "linkWordsHint" },
    ],
    values: (node) => ({ url: node.attrs.url, label: node.textContent }),
    apply: (tr, pos, node, { url, label }) => relabel(change(tr, pos, { url }), pos, node, label),
  },
  dateline: {
    title: "dateAndNumber",
    keeps: true,
    fields: () => [
      { name: "issue_date", word: "date", type: "date", required: true },
      { name: "number", word: "number", hint: "numberHint" },
    ],
    values: (node) => node.attrs,
    apply: (tr, pos, _node, answer) => change(tr, pos, answer),
  },
  footnote: {
    title: "kind.footnote",
    fields: () => [{ name: "text", word: "noteWords", type: "text-area", required: true }],
    values: (node) => ({ text: textOf(node.attrs.content) }),
    apply: (tr, pos, node, { text }) =>
      text === textOf(node.attrs.content)
        ? tr
        : change(tr, pos, { content: reworded(node.attrs.content, text) }),
  },
  remark: {
    title: "kind.comment",
    fields: () => [{ name: "text", word: "remarkWords", type: "text-area", required: true }],
    values: (node) => ({ text: node.attrs.text.trim() }),
    apply: (tr, pos, node, { text }) =>
      text === node.attrs.text.trim() ? tr : change(tr, pos, { text: ` ${text} ` }),
  },
  chapter: conditioned("kind.chapter"),
  section: conditioned("kind.section"),
  item: conditioned("kind.item"),
  conditional: conditioned("kind.conditional"),
  field: {
    title: "kind.field",
    fields: () => [
      { name: "field", word: "fieldName", type: "select", choices: fieldsOfReaders() },
      { name: "fallback", word: "fallback", hint: "fallbackHint" },
    ],
    values: (node) => node.attrs,
    // What was proposed for the name fits no other field.
    apply: (tr, pos, node, { field, fallback }) => {
      const isProposed = field !== node.attrs.field && fallback === readerWord();
      return change(tr, pos, { field, fallback: isProposed ? "" : fallback });
    },
  },
};

/**
 * The fields that a reader can be addressed with, by name and word.
 *
 * @returns {[name: string, word: string][]}
 */
function fieldsOfReaders() {
  const known = offered("fields");
  return known.length ? known : [["name", say("readersName")]];
}
/** @param {string} name */
export const fieldWord = (name) =>
  (fieldsOfReaders().find(([key]) => key === name) || [name, name])[1];

/** @type {Command} */
export const linkKey = (_state, dispatch, view) => {
  if (dispatch && view) openLink(view);
  return true;
};

/**
 * Ctrl+K: the address of the chosen words, of the link at the caret, or of the block's.
 *
 * @param {EditorView} view
 */
export async function openLink(view) {
  const { state } = view,
    { $from, from, to, empty } = state.selection;
  if (state.selection instanceof NodeSelection && hasForm(state.selection.node)) {
    openForm(view, from);
    return;
  }
  if (["link", "button", "picture"].includes($from.parent.type.name) && empty) {
    openForm(view, $from.before());
    return;
  }
  if (!$from.parent.inlineContent || !$from.parent.type.allowsMarkType(schema.marks.anchor)) return;
  const held = rangeOfLink(state);
  const range = held || { from, to };
  const before = held ? held.mark.attrs : { url: "", title: "" };
  /** @type {Field[]} */
  const fields = [{ name: "url", word: "address", type: "url", required: true }];
  if (range.from === range.to)
    fields.push({ name: "label", word: "linkWords", hint: "linkWordsHint" });
  const at = view.coordsAtPos(range.from);
  /** @type {{ url: string, label: string } | "remove" | null} */
  const answer = await ask({
    title: say("kind.anchor"),
    fields,
    values: before,
    near: new DOMRect(at.left, at.top, 1, at.bottom - at.top),
    remove: held ? say("unlink") : "",
  });
  view.focus();
  if (!answer) return;
  const tr = view.state.tr;
  if (answer === "remove") {
    view.dispatch(tr.removeMark(range.from, range.to, schema.marks.anchor));
    return;
  }
  const mark = schema.marks.anchor.create({ url: answer.url, title: before.title || "" });
  if (range.from === range.to) {
    tr.insert(
      range.from,
      schema.text(
        answer.label || answer.url,
        [...(state.storedMarks || $from.marks()), mark]
          .filter((each) => each.type !== schema.marks.anchor)
          .concat(mark),
      ),
    );
    tr.removeStoredMark(schema.marks.anchor);
  } else {
    tr.removeMark(range.from, range.to, schema.marks.anchor).addMark(range.from, range.to, mark);
    tr.setSelection(TextSelection.create(tr.doc, range.to));
  }
  view.dispatch(tr.scrollIntoView());
}

/**
 * The link that the caret stands in, or that the chosen words have part in.
 *
 * @param {EditorState} state
 */
export function rangeOfLink(state) {
  const { $from, from, to } = state.selection,
    type = schema.marks.anchor;
  /** @type {{ from: number, to: number, mark: Mark }[]} */
  const links = [];
  $from.parent.forEach((node, offset) => {
    const start = $from.start() + offset,
      end = start + node.nodeSize,
      mark = type.isInSet(node.marks),
      last = links[links.length - 1];
    if (!mark) return;
    if (last && last.to === start && last.mark.eq(mark)) last.to = end;
    else links.push({ from: start, to: end, mark });
  });
  return links.find((each) => each.from <= from && each.to >= to) || null;
}
