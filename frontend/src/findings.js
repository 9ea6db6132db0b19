/** Preflight's findings at the blocks they are about; a finding in the panel leads to its block. */
import { Plugin, PluginKey, TextSelection, Selection } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";
import { readCaret } from "./caret.js";
import { anchorsOf } from "./issue.js";
import { flowEnd, flowStart, headIndex, levelOf, positionOf } from "./outline.js";
import { element } from "./page.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { EditorView } from "prosemirror-view" */
/** @import { Finding, LineFinding, Severity } from "./types.js" */

/** Findings by the names of their blocks. @typedef {Map<string, Finding[]>} Findings */

/* The finding that is about a row of a table without words. */
const EMPTY_ROW = "table-row-empty";
/** @type {PluginKey<DecorationSet>} */
const key = new PluginKey("findings");
/** @type {Severity[]} */
const RANKS = ["error", "warning", "hint"];
/** @param {Element} line */
const severityOf = (line) => RANKS.find((each) => line.classList.contains(each)) || "hint";
/** @param {Element} line */
const sentenceOf = (line) => ((line.querySelector("p") || line).textContent || "").trim();

/** The findings that the server listed, by the name of their block. @param {HTMLElement} list */
export function readFindings(list) {
  /** @type {Findings} */
  const found = new Map();
  /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("li[data-block]")).forEach(
    (line) => {
      const block = String(line.dataset.block),
        entry = {
          severity: severityOf(line),
          sentence: sentenceOf(line),
          about: line.dataset.about || "",
          code: line.dataset.code || "",
        };
      found.set(block, [...(found.get(block) || []), entry]);
    },
  );
  return found;
}

/**
 * The findings that the server listed, by their lines of the Markdown.
 *
 * @param {HTMLElement} list
 * @returns {LineFinding[]}
 */
export function findingsByLine(list) {
  return [...list.querySelectorAll("li")].flatMap((each) => {
    const link = each.querySelector("a[data-line]");
    return link
      ? [
          {
            line: Number(link.getAttribute("data-line")),
            severity: severityOf(each),
            sentence: sentenceOf(each),
          },
        ]
      : [];
  });
}

/**
 * Where a block of this name begins; null for what is not in the text. A block that is told apart by
 * its words is found by these, else by its number in its part.
 *
 * @param {DocNode} doc
 * @param {string} name
 * @param {{ about?: string, at?: number, code?: string }} [told]
 */
export function placeOf(doc, name, { about = "", at = 0, code = "" } = {}) {
  const end = flowEnd(doc);
  let start = 0;
  if (name === "title") return { pos: positionOf(doc, headIndex("title")) };
  if (name === "masthead") return { pos: 0 };
  if (["date", "number", "issue_date"].includes(name))
    return { pos: positionOf(doc, headIndex("dateline")) };
  if (name === "credits") return { pos: positionOf(doc, flowEnd(doc)) };
  if (["lead", "body", "contents", "issue", "heading", "links"].includes(name))
    start = flowStart(doc);
  else {
    const part = anchorsOf(doc).find((each) => each.anchor === name);
    if (!part) return null;
    start = doc.resolve(part.pos).index(0);
  }
  if (about) {
    let past = start + 1;
    while (past < end && !levelOf(doc.child(past))) past += 1;
    const indices = [...Array(past - start).keys()].map((each) => start + each),
      found = (code === EMPTY_ROW ? [lacksWords] : [isSign, holds, mentions]).flatMap((says) =>
        indices.filter((index) => says(doc.child(index), about)),
      ),
      numbered = start + at - (start < end && levelOf(doc.child(start)) ? 0 : 1);
    start = found[0] ?? (at && numbered < past ? numbered : start);
  }
  return { pos: positionOf(doc, start) };
}

/**
 * Whether a block without words is meant by what it begins with in Markdown.
 *
 * @param {DocNode} node
 * @param {string} about
 */
const isSign = (node, about) => about === `:::${node.type.name}`;
/** @param {DocNode} table */
const emptyRow = (table) => table.children.find((row) => !row.textContent.trim());
/**
 * Whether a block is the table with this word that has a row without any.
 *
 * @param {DocNode} node
 * @param {string} about
 */
const lacksWords = (node, about) =>
  node.type.name === "table" &&
  Boolean(emptyRow(node)) &&
  (about === "|" ? !node.textContent.trim() : node.textContent.includes(about));

/**
 * Where the caret goes in a block: a table's first row without words, else the beginning.
 *
 * @param {DocNode} node
 * @param {number} pos
 */
function caretIn(node, pos) {
  let caret = pos + 1;
  if (node.type.name !== "table") return caret;
  const empty = emptyRow(node);
  for (const row of empty ? node.children : []) {
    if (row === empty) return caret + 1;
    caret += row.nodeSize;
  }
  return caret;
}

/** @param {string} text */
const squeezed = (text) => text.replace(/\s+/g, "");

/**
 * Whether a block says it in several places, or leads below it.
 *
 * @param {DocNode} node
 * @param {string} about
 */
const mentions = (node, about) =>
  squeezed(node.textContent).includes(squeezed(about)) ||
  Object.values(node.attrs).some((each) => typeof each === "string" && each.startsWith(about));

/**
 * Whether a block says it, or leads there.
 *
 * @param {DocNode} node
 * @param {string} about
 */
function holds(node, about) {
  if (node.textContent.includes(about) || Object.values(node.attrs).some((each) => each === about))
    return true;
  let found = false;
  node.descendants((inner) => {
    found =
      found ||
      inner.marks.some((mark) => mark.attrs.url === about) ||
      Object.values(inner.attrs).some((each) => each === about) ||
      JSON.stringify(inner.attrs.value || "").includes(about);
    return !found;
  });
  return found;
}

/**
 * Put the caret where a finding is.
 *
 * @param {EditorView} view
 * @param {string} name
 * @param {{ about?: string, at?: number, code?: string }} [told]
 */
export function goTo(view, name, told = {}) {
  const place = placeOf(view.state.doc, name, told);
  if (!place) return false;
  const { doc } = view.state,
    node = doc.nodeAt(place.pos),
    $pos = doc.resolve(node ? caretIn(node, place.pos) : place.pos + 1);
  const selection = $pos.parent.inlineContent
    ? TextSelection.create(doc, $pos.pos)
    : Selection.near($pos, 1);
  view.dispatch(view.state.tr.setSelection(selection));
  view.focus();
  const row = $pos.parent.type.name === "table_row" ? view.nodeDOM($pos.before()) : null,
    dom = row || view.nodeDOM(place.pos);
  if (dom instanceof HTMLElement) dom.scrollIntoView({ block: "center" });
  return true;
}

/**
 * Show the findings; they are drawn once no input method is composing.
 *
 * @param {EditorView} view
 * @param {Findings} found
 */
export function setFindings(view, found) {
  readCaret(view);
  view.dispatch(view.state.tr.setMeta(key, found).setMeta("addToHistory", false));
}

export function findingMarks() {
  return new Plugin({
    key,
    state: {
      init: () => /** @type {DecorationSet} */ (DecorationSet.empty),
      apply(tr, set) {
        /** @type {Findings | undefined} */
        const found = tr.getMeta(key);
        return found ? draw(tr.doc, found) : set.map(tr.mapping, tr.doc);
      },
    },
    props: { decorations: (state) => key.getState(state) },
  });
}

/** @param {DocNode} doc @param {Findings} found */
function draw(doc, found) {
  /** @type {Map<number, Finding[]>} */
  const places = new Map();
  for (const [name, entries] of found) {
    for (const entry of entries) {
      // What is about the whole mail has no block.
      const place = name === "issue" ? null : placeOf(doc, name, entry);
      if (!place) continue;
      places.set(place.pos, [...(places.get(place.pos) || []), entry]);
    }
  }
  return DecorationSet.create(
    doc,
    [...places].map(([pos, entries]) => {
      const severity = RANKS.find((rank) => entries.some((entry) => entry.severity === rank));
      const sentences = entries.map((entry) => entry.sentence).join("\n");
      return Decoration.widget(
        pos,
        () =>
          element(
            "span",
            {
              class: `finding-dot ${severity}`,
              role: "img",
              tabindex: "0",
              "aria-label": sentences,
              contenteditable: "false",
            },
            element("span", { class: "finding-words", "aria-hidden": "true" }, sentences),
          ),
        { side: -1, key: `${severity}|${sentences}`, ignoreSelection: true, stopEvent: () => true },
      );
    }),
  );
}
