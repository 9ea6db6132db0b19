/**
 * How nodes are shown that are more than their text: the date line, pictures, cards, chips; and
 * blocks that are read.
 */
import { EditorState } from "prosemirror-state";
import { Decoration, DecorationSet, EditorView } from "prosemirror-view";
import { CARDS } from "./cards.js";
import { openForm, hasForm, fieldWord } from "./forms.js";
import { look } from "./head.js";
import { ICONS } from "./icons.js";
import { textOf } from "./inline.js";
import { kindOf, readBlocks } from "./kinds.js";
import { desk, element, formatDay, icon, labelled, offered, say } from "./page.js";
import { readersWord } from "./readers.js";
import { schema, short } from "./schema.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { NodeViewConstructor, ViewMutationRecord } from "prosemirror-view" */
/** @import { Block, Child, Drawing } from "./types.js" */

/** @param {EditorView} view @param {GetPos} getPos @param {string} words */
const editing = (view, getPos, words) =>
  element(
    "button",
    {
      type: "button",
      class: "edit-node",
      "aria-label": words,
      title: words,
      contenteditable: "false",
      onmousedown: keepCaret,
      onclick: () => openForm(view, getPos()),
    },
    icon(ICONS.edit),
  );

/** @param {EditorView} view @param {GetPos} getPos */
const replacing = (view, getPos) =>
  element(
    "button",
    {
      type: "button",
      class: "edit-node",
      "aria-label": say("replacePicture"),
      title: say("replacePicture"),
      contenteditable: "false",
      onmousedown: keepCaret,
      onclick: () =>
        view.dom.dispatchEvent(new CustomEvent("replace-picture", { detail: { pos: getPos() } })),
    },
    icon(ICONS.replace),
  );

/**
 * The edition's day as the mail prints it.
 *
 * @param {string} day
 * @param {string} language
 */
function dayWords(day, language) {
  const [year, month, date] = day.split("-").map(Number);
  if (!year) return day;
  return formatDay(new Date(Date.UTC(year, month - 1, date)), language, { dateStyle: "long" });
}

/** Where a node stands; undefined once it is gone. @typedef {() => number | undefined} GetPos */
/**
 * Draws what a node is.
 *
 * @typedef {(node: DocNode, view: EditorView, getPos: GetPos) => Child | Child[]} Draw
 */

/**
 * Show a node, and another of its type in its place.
 *
 * @param {DocNode} node
 * @param {(now: DocNode) => void} show
 */
function following(node, show) {
  let current = node;
  show(node);
  return (/** @type {DocNode} */ now) => {
    if (now.type !== current.type) return false;
    if (now !== current) show(now);
    current = now;
    return true;
  };
}

/**
 * What changes around the words of a node is the editor's own doing.
 *
 * @param {HTMLElement} words
 * @returns {(change: ViewMutationRecord) => boolean}
 */
const around = (words) => (change) => change.type !== "selection" && !words.contains(change.target);
/** @param {Event} event */
const isInButton = (event) =>
  event.target instanceof Element && Boolean(event.target.closest("button"));
/** @param {Event} event */
const keepCaret = (event) => event.preventDefault();

/**
 * A node without text of its own: drawn by a function of its value.
 *
 * @param {Draw} draw
 * @param {"p" | "div"} tag
 * @param {string} name
 * @returns {NodeViewConstructor}
 */
function drawn(draw, tag, name) {
  return (node, view, getPos) => {
    const dom = element(tag, { class: name, contenteditable: "false" });
    const update = following(node, (now) => {
      dom.replaceChildren(
        ...[draw(now, view, getPos)].flat().filter((each) => each !== null && each !== undefined),
      );
    });
    return {
      dom,
      update,
      stopEvent: (event) => isInButton(event) && event.type !== "dragstart",
      ignoreMutation: () => true,
    };
  };
}

/**
 * A text with an address: its words are typed, the address has a form.
 *
 * @param {"p" | "div"} tag
 * @param {string} name
 * @param {string} innerName
 * @returns {NodeViewConstructor}
 */
function addressed(tag, name, innerName) {
  return (node, view, getPos) => {
    const words = element("span", { class: innerName }),
      button = editing(view, getPos, say("editAddress")),
      dom = element(tag, { class: name }, words, button);
    const update = following(node, (now) => {
      words.dataset.url =
        short(now.attrs.url) || say(now.type.name === "button" ? "buttonLabel" : "linkWords");
      dom.classList.toggle("empty-words", !now.content.size);
      dom.title = now.attrs.url;
    });
    return { dom, contentDOM: words, update, stopEvent: isInButton, ignoreMutation: around(words) };
  };
}

/** @type {NodeViewConstructor} */
function picture(node, view, getPos) {
  const image = element("img", { class: "picture", draggable: "false" }),
    caption = element("figcaption", { class: "caption" });
  const missing = element("span", { class: "needs-alt" }, say("noAlt"));
  const frame = element(
    "span",
    { class: "picture-frame", contenteditable: "false" },
    image,
    element(
      "span",
      { class: "edit-nodes" },
      replacing(view, getPos),
      editing(view, getPos, say("editPicture")),
    ),
    missing,
  );
  const dom = element("figure", { class: "picture-block" }, frame, caption);
  const update = following(node, (now) => {
    if (image.getAttribute("src") !== now.attrs.source) image.src = now.attrs.source;
    image.alt = now.attrs.alt;
    image.title = now.attrs.title;
    missing.hidden = Boolean(now.attrs.alt);
    caption.dataset.placeholder = say("caption");
    dom.classList.toggle("no-caption", !now.content.size);
  });
  return {
    dom,
    contentDOM: caption,
    update,
    stopEvent: isInButton,
    ignoreMutation: around(caption),
  };
}

/**
 * What a snippet holds, below its name; which one it is, is chosen there.
 *
 * @type {NodeViewConstructor}
 */
function snippet(node, view, getPos) {
  const name = element("button", {
    type: "button",
    class: "label-button",
    contenteditable: "false",
    onmousedown: keepCaret,
    onclick: () =>
      view.dom.dispatchEvent(
        new CustomEvent("choose-snippet", { bubbles: true, detail: { pos: getPos() } }),
      ),
  });
  const inner = element("div", {}),
    dom = element("div", { class: "snippet-block", contenteditable: "false" }, name, inner);
  const update = following(node, (now) => {
    const { value } = now.attrs,
      kept = offered("snippets").find((each) => each.name === value.name);
    name.textContent = labelled(say("kind.snippet"), value.name);
    inner.replaceChildren(
      kept ? drawBlocks(kept.blocks) : element("p", { class: "card-line" }, say("snippetGone")),
    );
  });
  return {
    dom,
    update,
    stopEvent: (event) => isInButton(event) && event.type !== "dragstart",
    ignoreMutation: () => true,
  };
}

/** Blocks for some readers, below the line that says for whom. @type {NodeViewConstructor} */
function conditional(node, view, getPos) {
  const words = element("button", {
    type: "button",
    class: "for-whom",
    contenteditable: "false",
    onmousedown: keepCaret,
    onclick: () => openForm(view, getPos()),
  });
  const inner = element("div", {}),
    dom = element("div", { class: "for-some" }, words, inner);
  const update = following(node, (now) => {
    words.textContent = say("shownTo", { condition: readersWord(now.attrs.condition) });
  });
  return {
    dom,
    contentDOM: inner,
    update,
    stopEvent: (event) => event.target === words,
    ignoreMutation: around(inner),
  };
}

const card = drawn(
  (node, view, getPos) => {
    /** @type {Record<string, Drawing | undefined>} */
    const cards = CARDS;
    const entry = kindOf(node),
      value = node.attrs.value,
      draw = entry && cards[entry.kind];
    const inner = draw
      ? draw(value, view.state.doc.attrs.language)
      : [
          element(
            "p",
            { class: "card-line" },
            element("strong", {}, say("sealed", { kind: String(value.kind) })),
          ),
          element("p", { class: "card-line" }, say("sealedHint")),
        ];
    return [
      element("div", { class: "card-words" }, ...inner),
      entry && hasForm(node)
        ? editing(view, getPos, say("editBlock", { block: say(`kind.${entry.kind}`) }))
        : null,
    ];
  },
  "div",
  "block-card",
);

/**
 * A sign within a line.
 *
 * @param {string} name
 * @param {(node: DocNode) => { text: string, label: string }} words
 * @returns {NodeViewConstructor}
 */
const chip = (name, words) => (node, view, getPos) => {
  const dom = element("span", { class: `chip ${name}`, contenteditable: "false" });
  const update = following(node, (now) => {
    const caption = words(now);
    dom.replaceChildren(
      hasForm(now)
        ? element(
            "button",
            {
              type: "button",
              "aria-label": caption.label,
              title: caption.label,
              onmousedown: keepCaret,
              onclick: () => openForm(view, getPos()),
            },
            caption.text,
          )
        : caption.text,
    );
  });
  return { dom, update, stopEvent: isInButton, ignoreMutation: () => true };
};

/** @type {Record<string, NodeViewConstructor>} */
export const NODE_VIEWS = {
  dateline: drawn(
    (node, view, getPos) => {
      const { issue_date: day, number } = node.attrs,
        language = view.state.doc.attrs.language;
      const numbered = language === "en" && /^\d/.test(number) ? `No. ${number}` : number;
      // A series’ step is sent on any day, and its mail bears none.
      const words = [look.undated ? "" : dayWords(day, language), numbered]
        .filter(Boolean)
        .join(" ・ ");
      return element(
        "button",
        {
          type: "button",
          class: "date-button",
          title: say("dateAndNumber"),
          "aria-label": labelled(say("dateAndNumber"), words),
          onmousedown: keepCaret,
          onclick: () => openForm(view, getPos()),
        },
        words,
      );
    },
    "p",
    "date",
  ),
  link: addressed("p", "more", "link named"),
  button: addressed("div", "button-line", "button-link"),
  picture,
  conditional,
  snippet,
  file: card,
  event: card,
  contact: card,
  contents: card,
  sealed: card,
  footnote: chip("footnote", (node) => ({
    text: "※",
    label: labelled(say("kind.footnote"), textOf(node.attrs.content)),
  })),
  remark: chip("remark", (node) => ({
    text: node.attrs.text.trim().slice(0, 24) || "…",
    label: labelled(say("kind.comment"), node.attrs.text.trim()),
  })),
  field: chip("merge-field", (node) => ({
    text: fieldWord(node.attrs.field),
    label: labelled(
      say("kind.field"),
      `${fieldWord(node.attrs.field)}${node.attrs.fallback ? ` / ${node.attrs.fallback}` : ""}`,
    ),
  })),
  sealed_run: chip("sealed-run", (node) => ({
    text: String(node.attrs.value.kind),
    label: String(node.attrs.value.kind),
  })),
};

/**
 * A document of some blocks by themselves; of an empty paragraph where there are none.
 *
 * @param {Block[]} blocks
 */
export const pieceOf = (blocks) =>
  schema.nodes.piece.create(
    { language: desk.dataset.language },
    blocks.length ? readBlocks(schema, blocks) : [schema.nodes.paragraph.create()],
  );

/**
 * A picture of blocks that nobody writes in, as the mail has them.
 *
 * @param {DocNode} doc
 * @param {{ from: number, to: number }} [marked] what to mark in it
 */
export function drawDocument(doc, marked) {
  const view = new EditorView(null, {
    state: EditorState.create({ doc }),
    nodeViews: NODE_VIEWS,
    editable: () => false,
    attributes: { class: "piece read" },
    decorations: marked
      ? () =>
          DecorationSet.create(doc, [
            Decoration.inline(marked.from, marked.to, { nodeName: "mark" }),
          ])
      : undefined,
  });
  const drawn = /** @type {HTMLElement} */ (view.dom.cloneNode(true));
  view.destroy();
  drawn.querySelectorAll("button").forEach((button) => {
    button.disabled = true;
  });
  return drawn;
}
/** @param {Block[]} blocks */
export const drawBlocks = (blocks) => drawDocument(pieceOf(blocks));
