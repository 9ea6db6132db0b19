/**
 * Blocks of an issue by themselves: written in, or two versions of them shown beside each other.
 */
import { baseKeymap } from "prosemirror-commands";
import { dropCursor } from "prosemirror-dropcursor";
import { history } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import { EditorState, Plugin } from "prosemirror-state";
import { tableEditing } from "prosemirror-tables";
import { Decoration, DecorationSet, EditorView } from "prosemirror-view";
import { caretBeforeKeys } from "./caret.js";
import { cleanHtml } from "./clean.js";
import { clipboardParser, clipboardSerializer, isOwn } from "./clipboard.js";
import { KEYS } from "./commands.js";
import { linkKey } from "./forms.js";
import { gapCursor } from "./gaps.js";
import { writeBlocks } from "./kinds.js";
import { NODE_VIEWS, drawDocument, pieceOf } from "./node_views.js";
import { dropFiles, offerPictures, pastePictures } from "./pictures.js";
import { markdownSigns } from "./rules.js";
import { slashMenu } from "./slash.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { Block } from "./types.js" */

/** Keys that act on an issue's parts, which a block by itself has not. */
const OF_PARTS = /^(Alt-Arrow|Mod-Alt-)/;
const keys = Object.fromEntries(Object.entries(KEYS).filter(([name]) => !OF_PARTS.test(name)));

/** @param {DocNode} doc */
export const blocksOf = (doc) => writeBlocks(doc.content);
/** @param {DocNode} doc */
export const isBlank = (doc) =>
  doc.childCount === 1 && doc.child(0).type.name === "paragraph" && !doc.child(0).content.size;

/** @param {string} words */
const placeholder = (words) =>
  new Plugin({
    props: {
      decorations: ({ doc }) =>
        isBlank(doc)
          ? DecorationSet.create(doc, [
              Decoration.node(0, doc.child(0).nodeSize, {
                class: "is-empty",
                "data-placeholder": words,
              }),
            ])
          : DecorationSet.empty,
    },
  });

/**
 * @param {HTMLElement} place
 * @param {Block[]} blocks
 * @param {{
 *   label: string,
 *   lang: string,
 *   empty: string,
 *   changed: () => void,
 *   selected: () => void,
 *   look?: string,
 *   withBlocks?: boolean,
 * }} asked `look` is its class; `withBlocks` says whether more than the words of its blocks is
 *   changed
 */
export function openPiece(
  place,
  blocks,
  { label, lang, empty, changed, selected, look = "piece", withBlocks = false },
) {
  const state = EditorState.create({
    doc: pieceOf(blocks),
    plugins: [
      caretBeforeKeys(),
      ...(withBlocks ? [slashMenu(), dropCursor({ color: "currentColor", width: 2 })] : []),
      markdownSigns(),
      keymap({ ...keys, "Mod-k": linkKey }),
      keymap(Object.fromEntries(Object.entries(baseKeymap).filter(([name]) => !(name in keys)))),
      history(),
      gapCursor(),
      tableEditing(),
      placeholder(empty),
    ],
  });
  const view = new EditorView(place, {
    state,
    nodeViews: NODE_VIEWS,
    attributes: {
      class: look,
      role: "textbox",
      "aria-multiline": "true",
      "aria-label": label,
      spellcheck: "true",
      lang,
    },
    clipboardSerializer,
    clipboardParser,
    transformPastedHTML: (html) => (isOwn(html) ? html : cleanHtml(html)),
    ...(withBlocks ? { handlePaste: pastePictures, handleDrop: dropFiles } : {}),
    dispatchTransaction(tr) {
      view.updateState(view.state.apply(tr));
      if (tr.docChanged) changed();
      selected();
    },
  });
  if (withBlocks) offerPictures(view);
  return view;
}

/**
 * Put other blocks in, so that it can be undone.
 *
 * @param {EditorView} view
 * @param {Block[]} blocks
 */
export function fillPiece(view, blocks) {
  view.dispatch(view.state.tr.replaceWith(0, view.state.doc.content.size, pieceOf(blocks).content));
}

/**
 * Show two versions of some blocks as the mail has them, and mark where they differ.
 *
 * @param {HTMLElement[]} places
 * @param {Block[][]} versions
 */
export function showVersions(places, versions) {
  const docs = versions.map(pieceOf),
    [one, other] = docs;
  const start = other ? one.content.findDiffStart(other.content) : null,
    ends = other && one.content.findDiffEnd(other.content);
  places.forEach((place, at) => {
    const end = ends ? [ends.a, ends.b][at] : 0;
    place.replaceChildren(
      drawDocument(docs[at], start !== null && end > start ? { from: start, to: end } : undefined),
    );
  });
}
