/** The mail as it is written in: the document's view with all that belongs to it. */
import { baseKeymap, selectParentNode } from "prosemirror-commands";
import { dropCursor } from "prosemirror-dropcursor";
import { history } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import { DOMParser as ContentParser } from "prosemirror-model";
import { EditorState, NodeSelection, Plugin, Selection, TextSelection } from "prosemirror-state";
import { tableEditing } from "prosemirror-tables";
import { Decoration, DecorationSet, EditorView } from "prosemirror-view";
import { addressBefore, pastedAddresses } from "./addresses.js";
import { itemsInBoxes } from "./boxes.js";
import { caretBeforeKeys, readCaret } from "./caret.js";
import { cleanHtml } from "./clean.js";
import { clipboardParser, clipboardSerializer, isOwn } from "./clipboard.js";
import { KEYS, caretAt } from "./commands.js";
import { tableOfContents } from "./contents.js";
import { findingMarks } from "./findings.js";
import { linkKey } from "./forms.js";
import { gapCursor } from "./gaps.js";
import { grownRow } from "./grown_row.js";
import { toDocument, toIssue } from "./issue.js";
import { NODE_VIEWS } from "./node_views.js";
import { headOfLook } from "./head.js";
import { notify } from "./notices.js";
import { flowEnd, flowIndex, flowStart, headIndex, positionOf, renumbered } from "./outline.js";
import { desk, say } from "./page.js";
import { caretAfterPaste, fitSlice, pasteLine } from "./paste.js";
import { goAhead, keepPast, readPast } from "./past.js";
import { dropFiles, offerPictures, pastePictures } from "./pictures.js";
import { markdownSigns } from "./rules.js";
import { schema } from "./schema.js";
import { slashMenu } from "./slash.js";
import { changeSnippet } from "./snippets.js";
import { addressOf } from "./dialogs.js";
/** @import { Fragment, Node as DocNode, ResolvedPos, Slice } from "prosemirror-model" */
/** @import { Transaction } from "prosemirror-state" */
/** @import { Issue } from "./types.js" */

/** Pixels at the edges of a telephone's screen that bars cover. */
const COVERED = { top: 64, right: 0, bottom: 80, left: 0 };

/** Words where nothing is written yet. */
function placeholders() {
  /** @param {DocNode} node */
  const empty = (node) => node.isTextblock && !node.content.size;
  /** @param {DocNode} node @param {number} index @param {DocNode} doc @param {ResolvedPos} $from */
  const wordsOf = (node, index, doc, $from) => {
    const name = node.type.name;
    if (name === "masthead") return desk.dataset.newsletter || say("masthead");
    if (["title", "chapter", "section", "item", "heading"].includes(name))
      return say(`empty.${name}`);
    const isAlone = flowEnd(doc) - flowStart(doc) === 1;
    if (name === "paragraph" && (isAlone || ($from.depth === 1 && $from.index(0) === index)))
      return say(isAlone ? "empty.text" : "empty.paragraph");
    return "";
  };
  return new Plugin({
    props: {
      decorations(state) {
        const found = [],
          {
            doc,
            selection: { $from },
          } = state;
        doc.forEach((node, pos, index) => {
          if (!empty(node)) return;
          const words = wordsOf(node, index, doc, $from);
          if (words)
            found.push(
              Decoration.node(pos, pos + node.nodeSize, {
                class: "is-empty",
                "data-placeholder": words,
              }),
            );
        });
        const credits = doc.lastChild;
        if (credits && credits.childCount === 1 && !credits.firstChild?.content.size) {
          const pos = positionOf(doc, flowEnd(doc)) + 1;
          found.push(
            Decoration.node(pos, pos + 2, {
              class: "is-empty",
              "data-placeholder": say("empty.credit"),
            }),
          );
        }
        return DecorationSet.create(doc, found);
      },
    },
  });
}

/** What always holds: chapters that are counted are counted on, the date is not lost. */
function order() {
  return new Plugin({
    appendTransaction(transactions, before, state) {
      if (
        !transactions.some((tr) => tr.docChanged) ||
        transactions.some((tr) => tr.getMeta("given"))
      )
        return null;
      const line = state.doc.child(headIndex("dateline")),
        held = before.doc.child(headIndex("dateline"));
      if (!line.attrs.issue_date && held.attrs.issue_date)
        return state.tr.setNodeMarkup(
          positionOf(state.doc, headIndex("dateline")),
          null,
          held.attrs,
        );
      if (transactions.some((tr) => tr.getMeta("history$"))) return null;
      return renumbered(before.doc, state);
    },
  });
}

/**
 * The first row of a table is its head, whichever row that has become: mails and Markdown have no
 * other.
 */
function tableHeads() {
  return new Plugin({
    appendTransaction(transactions, _before, state) {
      if (!transactions.some((tr) => tr.docChanged)) return null;
      const { tr } = state,
        { table, table_cell: cell, table_header: head } = schema.nodes;
      state.doc.descendants((node, pos) => {
        if (node.type !== table) return !node.isTextblock;
        node.forEach((row, rowAt, at) =>
          row.forEach((each, cellAt) => {
            const type = at ? cell : head;
            if (each.type !== type) tr.setNodeMarkup(pos + rowAt + cellAt + 2, type, each.attrs);
          }),
        );
        return false;
      });
      return tr.docChanged ? tr : null;
    },
  });
}

/**
 * The white below the text leads into it: to its last line, or to a new one where the last block is
 * none.
 */
function roomBelow() {
  return new Plugin({
    props: {
      handleClick(view, _pos, event) {
        const { doc, tr } = view.state,
          end = positionOf(doc, flowEnd(doc)),
          last = doc.child(flowEnd(doc) - 1);
        const dom = view.nodeDOM(end - last.nodeSize);
        if (
          event.target !== view.dom ||
          !(dom instanceof HTMLElement) ||
          event.clientY < dom.getBoundingClientRect().bottom
        )
          return false;
        const isLine = ["paragraph", "chapter", "section", "item"].includes(last.type.name);
        view.dispatch(
          (isLine
            ? tr.setSelection(TextSelection.create(doc, end - 1))
            : caretAt(tr, end)
          ).scrollIntoView(),
        );
        view.focus();
        return true;
      },
    },
  });
}

/** @param {Event} event */
const isOnFrame = (event) =>
  event.target instanceof Element && Boolean(event.target.closest(".picture-frame"));

/**
 * Addresses pasted over chosen words make them a link.
 *
 * @param {EditorView} view
 * @param {ClipboardEvent} event
 */
function pasteAddress(view, event) {
  const text = event.clipboardData ? event.clipboardData.getData("text/plain").trim() : "";
  const { empty, $from, from, to } = view.state.selection;
  if (
    !/^(https?:\/\/|mailto:|tel:)\S+$/i.test(text) ||
    !addressOf(text) ||
    !$from.parent.type.allowsMarkType(schema.marks.anchor)
  )
    return false;
  const mark = schema.marks.anchor.create({ url: text });
  const tr = empty
    ? view.state.tr.replaceSelectionWith(schema.text(text, [mark]), false)
    : view.state.tr.removeMark(from, to, schema.marks.anchor).addMark(from, to, mark);
  view.dispatch(tr.removeStoredMark(schema.marks.anchor).scrollIntoView());
  return true;
}

/** @param {EditorView} view @param {ClipboardEvent} event @param {Slice} slice */
function paste(view, event, slice) {
  return (
    pastePictures(view, event) ||
    pasteAddress(view, event) ||
    pasteLine(view, slice, (sentences) => notify("line", sentences))
  );
}

/**
 * Words as they are pasted without formats: a blank line parts paragraphs, a line end is a break.
 *
 * @param {string} text
 * @param {ResolvedPos} $context
 */
function readPlain(text, $context) {
  const paragraphs = text.replace(/\r\n?/g, "\n").split(/\n{2,}/);
  const page = document.createElement("div");
  for (const each of paragraphs) {
    const p = document.createElement("p");
    each.split("\n").forEach((line, at) => {
      if (at) p.append(document.createElement("br"));
      p.append(line);
    });
    page.append(p);
  }
  return ContentParser.fromSchema(schema).parseSlice(page, {
    preserveWhitespace: "full",
    context: $context,
  });
}

/**
 * @param {HTMLElement} place
 * @param {Issue} issue
 * @param {{ changed: () => void, selected: () => void }} acts
 */
export function openEditor(place, issue, acts) {
  const { doc, ahead } = readPast(issue);
  const began = EditorState.create({
    doc,
    plugins: [
      caretBeforeKeys(),
      slashMenu(),
      markdownSigns(),
      keymap({ Enter: addressBefore, "Shift-Enter": addressBefore }),
      keymap({ ...KEYS, "Mod-k": linkKey }),
      keymap(Object.fromEntries(Object.entries(baseKeymap).filter(([name]) => !(name in KEYS)))),
      keymap({
        Escape: (state, dispatch) =>
          flowIndex(state.selection.$from) >= 0 && selectParentNode(state, dispatch),
      }),
      history(),
      dropCursor({ color: "currentColor", width: 2 }),
      gapCursor(),
      tableEditing(),
      grownRow(),
      placeholders(),
      order(),
      tableHeads(),
      roomBelow(),
      pastedAddresses(),
      caretAfterPaste(),
      findingMarks(),
      headOfLook(),
      tableOfContents(),
      ...(desk.dataset.boxed ? [itemsInBoxes()] : []),
    ],
  });
  const made = goAhead(began, ahead),
    start = positionOf(made.doc, flowStart(made.doc));
  // Whoever comes by the keyboard is in the text, not in the masthead above the subject.
  const state = made.apply(made.tr.setSelection(Selection.near(made.doc.resolve(start))));
  const view = new EditorView(place, {
    state,
    nodeViews: NODE_VIEWS,
    attributes: {
      class: "mail",
      role: "textbox",
      "aria-multiline": "true",
      "aria-label": say("mail"),
      spellcheck: "true",
      lang: issue.language,
    },
    // On a telephone the state of saving stands above and the formats below, over the text.
    ...(matchMedia("(max-width: 40rem)").matches
      ? { scrollThreshold: COVERED, scrollMargin: COVERED }
      : {}),
    clipboardSerializer,
    clipboardParser,
    transformPastedHTML: (html) => (isOwn(html) ? html : cleanHtml(html)),
    transformPasted: (slice) =>
      fitSlice(slice, (sentences) => {
        notify("line", []);
        notify("paste", sentences);
      }),
    clipboardTextParser: (text, $context) => readPlain(text, $context),
    handlePaste: paste,
    handleDrop: dropFiles,
    handleClickOn(view, _pos, node, nodePos, event) {
      // A picture has a caption to write in, so the surface would not choose it by itself, and
      // Delete or the bin would take what the caret was left in.
      if (node.type.name === "picture" && isOnFrame(event)) {
        view.dispatch(view.state.tr.setSelection(NodeSelection.create(view.state.doc, nodePos)));
        view.focus();
        return true;
      }
      // A link in the text is written in, not followed; with Ctrl it is opened.
      const link =
        event.target instanceof Element &&
        /** @type {HTMLAnchorElement | null} */ (event.target.closest("a[href]"));
      if (link && (event.ctrlKey || event.metaKey)) {
        window.open(link.href, "_blank", "noopener");
        return true;
      }
      return false;
    },
    dispatchTransaction(tr) {
      view.updateState(view.state.apply(tr));
      if (tr.docChanged) acts.changed();
      acts.selected();
    },
  });
  window.addEventListener("pagehide", () => keepPast(view.state));
  offerPictures(view);
  view.dom.addEventListener("choose-snippet", (event) => {
    if (event instanceof CustomEvent) changeSnippet(view, event.detail.pos);
  });
  return view;
}

/**
 * Take an issue that came from the server, changing no more than differs, so that the caret stays
 * and it can be undone; what another person changed is not undone with one's own.
 *
 * @param {EditorView} view
 * @param {Issue} issue
 * @param {{ undoable?: boolean }} [options]
 */
export function takeIssue(view, issue, { undoable = true } = {}) {
  readCaret(view);
  const doc = toDocument(issue),
    now = view.state.doc;
  const begin = () => view.state.tr.setMeta("given", true).setMeta("addToHistory", undoable);
  const tr = begin();
  for (const { from, to, slice } of changedRuns(now, doc)) tr.replace(from, to, slice);
  /** @param {Transaction} each */
  const setAttributes = (each) =>
    ["language", "preheader", "contents"].forEach((name) => {
      if (JSON.stringify(now.attrs[name]) !== JSON.stringify(doc.attrs[name]))
        each.setDocAttribute(name, doc.attrs[name]);
    });
  setAttributes(tr);
  if (!tr.docChanged) return;
  if (tr.doc.eq(doc)) {
    view.dispatch(tr);
    return;
  }
  const whole = begin().replaceWith(0, now.content.size, doc.content);
  setAttributes(whole);
  view.dispatch(whole);
}

/**
 * The runs of blocks in which two documents differ, the last first, so that positions before hold.
 *
 * @param {DocNode} now
 * @param {DocNode} doc
 */
function changedRuns(now, doc) {
  const old = now.children,
    fresh = doc.children,
    keep = alike(old, fresh);
  /** @type {{ from: number, to: number, slice: Slice }[]} */
  const found = [];
  let from = 0,
    to = 0;
  /** @param {number} oldEnd @param {number} freshEnd @param {number} at @param {number} freshAt */
  const add = (oldEnd, freshEnd, at, freshAt) => {
    if (at === oldEnd && freshAt === freshEnd) return;
    const start = positionOf(now, at),
      freshStart = positionOf(doc, freshAt);
    // Within one block, no more than the characters that differ.
    const isOne =
      oldEnd - at === 1 && freshEnd - freshAt === 1 && old[at].sameMarkup(fresh[freshAt]);
    const inner = isOne ? differenceOf(old[at].content, fresh[freshAt].content) : null;
    found.unshift(
      inner
        ? {
            from: start + 1 + inner.start,
            to: start + 1 + inner.end,
            slice: doc.slice(freshStart + 1 + inner.start, freshStart + 1 + inner.freshEnd),
          }
        : {
            from: start,
            to: positionOf(now, oldEnd),
            slice: doc.slice(freshStart, positionOf(doc, freshEnd)),
          },
    );
  };
  for (const [at, freshAt] of [...keep, [old.length, fresh.length]]) {
    add(at, freshAt, from, to);
    from = at + 1;
    to = freshAt + 1;
  }
  return found;
}

/**
 * Where the contents of two blocks begin and cease to differ; null where they do not.
 *
 * @param {Fragment} old
 * @param {Fragment} fresh
 */
function differenceOf(old, fresh) {
  const start = old.findDiffStart(fresh),
    ends = old.findDiffEnd(fresh);
  if (start === null || ends === null) return null;
  const overlap = Math.max(0, start - Math.min(ends.a, ends.b));
  return { start, end: ends.a + overlap, freshEnd: ends.b + overlap };
}

/**
 * The indices of the blocks that two runs have in common, in order: the most of them.
 *
 * @param {readonly DocNode[]} old
 * @param {readonly DocNode[]} fresh
 */
function alike(old, fresh) {
  let start = 0,
    end = 0;
  const least = Math.min(old.length, fresh.length);
  while (start < least && old[start].eq(fresh[start])) start += 1;
  while (end < least - start && old[old.length - 1 - end].eq(fresh[fresh.length - 1 - end]))
    end += 1;
  const keys = [old, fresh].map((run) =>
    run.slice(start, run.length - end).map((node) => JSON.stringify(node)),
  );
  const lengths = Array.from(
    { length: keys[0].length + 1 },
    () => new Uint16Array(keys[1].length + 1),
  );
  for (let i = keys[0].length - 1; i >= 0; i -= 1) {
    for (let j = keys[1].length - 1; j >= 0; j -= 1) {
      lengths[i][j] =
        keys[0][i] === keys[1][j]
          ? lengths[i + 1][j + 1] + 1
          : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const found = [];
  for (let at = 0; at < start; at += 1) found.push([at, at]);
  for (let i = 0, j = 0; i < keys[0].length && j < keys[1].length;) {
    if (keys[0][i] === keys[1][j]) {
      found.push([start + i, start + j]);
      i += 1;
      j += 1;
    } else if (lengths[i + 1][j] >= lengths[i][j + 1]) i += 1;
    else j += 1;
  }
  for (let at = end; at > 0; at -= 1) found.push([old.length - at, fresh.length - at]);
  return found;
}

export { toDocument, toIssue };
