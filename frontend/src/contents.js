/**
 * The table of contents as the mail has it: the editor's own lines, or the headings of its parts.
 */
import { Plugin, PluginKey } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";
import { mailSays } from "./cards.js";
import { flowEnd, flowStart, levelOf, positionOf } from "./outline.js";
import { desk, element, say } from "./page.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { ContentsLine } from "./types.js" */

const key = new PluginKey("contents");

/**
 * A line as it is drawn; `isItem` where it is the heading of an item.
 *
 * @typedef {{ text: string, label: string, level: number, isItem?: boolean }} ShownLine
 */

/**
 * The lines, as newsletter/issues/outline.py derives them.
 *
 * @param {DocNode} doc
 * @returns {ShownLine[]}
 */
function contentsOf(doc) {
  if (doc.attrs.contents.length)
    return doc.attrs.contents.map((/** @type {ContentsLine} */ { text, label, level }) => ({
      text,
      label,
      level,
    }));
  /** @type {ShownLine[]} */
  const parts = [];
  let chapters = 0,
    isIn = "";
  doc.forEach((node) => {
    const name = node.type.name,
      text = node.textContent;
    if (!levelOf(node)) return;
    if (name === "chapter" || !chapters) chapters += 1;
    if (name !== "item") isIn = name;
    if (name !== "chapter")
      parts.push({
        text,
        label: "",
        level: name === "item" && isIn === "section" ? 3 : 2,
        isItem: name === "item",
      });
    else if (text)
      parts.push({
        text,
        label: node.attrs.number === null ? "" : String(node.attrs.number),
        level: 1,
        isItem: false,
      });
  });
  const derived = parts.filter(({ isItem }) => !isItem || chapters === 1);
  return derived.length > 1 ? derived : [];
}

/** @param {ShownLine} given */
function lineOf({ text, label, level }) {
  const words = element("span", { class: "link" }, text),
    isInner = level > 1;
  return element(
    "p",
    { class: `toc${isInner ? " inner" : ""}` },
    label && !isInner ? `${label}. ` : null,
    label && isInner ? element("span", { class: "label" }, label.replaceAll(" ", "")) : null,
    words,
  );
}
/** @param {Element} place @param {ShownLine[]} shown */
const drawInto = (place, shown) =>
  place.replaceChildren(
    ...(shown.length
      ? [
          element("h2", { class: "chapter contents-head" }, mailSays("contents")),
          ...shown.map(lineOf),
        ]
      : [element("p", { class: "card-line" }, say("contentsHere"))]),
  );

/**
 * Where the template puts it by itself: before the first part, unless the lead has its own place
 * for it.
 *
 * @param {DocNode} doc
 */
function placeOf(doc) {
  if (!desk.dataset.contents) return -1;
  let end = flowStart(doc);
  for (; end < flowEnd(doc) && !levelOf(doc.child(end)); end += 1)
    if (doc.child(end).type.name === "contents") return -1;
  return end < flowEnd(doc) ? positionOf(doc, end) : -1;
}

export function tableOfContents() {
  /** @param {DocNode} doc */
  const draw = (doc) => {
    const at = placeOf(doc);
    return at < 0 || !contentsOf(doc).length
      ? DecorationSet.empty
      : DecorationSet.create(doc, [
          Decoration.widget(
            at,
            () => element("div", { class: "drawn-contents own-place", contenteditable: "false" }),
            { side: -2, key: "contents", ignoreSelection: true, stopEvent: () => true },
          ),
        ]);
  };
  return new Plugin({
    key,
    state: {
      init: (_, { doc }) => draw(doc),
      apply: (tr, held) => (tr.docChanged ? draw(tr.doc) : held),
    },
    props: { decorations: (state) => key.getState(state) },
    view(view) {
      let shown = "";
      const fill = () => {
        const lines = contentsOf(view.state.doc),
          described = JSON.stringify(lines);
        view.dom.querySelectorAll(".drawn-contents").forEach((place) => {
          if (described !== shown || !place.firstChild) drawInto(place, lines);
        });
        shown = described;
      };
      fill();
      return {
        update: (now, before) => {
          if (!before || before.doc !== now.state.doc) fill();
        },
      };
    },
  });
}
