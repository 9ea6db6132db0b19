/**
 * Items in boxes, where the look has them so: each block says which part of its item's box it is.
 */
import { Plugin, PluginKey } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";
import { levelOf } from "./outline.js";
/** @import { Node as DocNode } from "prosemirror-model" */

const key = new PluginKey("boxes");

/** The classes of the blocks of items, one entry a child of the document. @param {DocNode} doc */
function classesOf(doc) {
  /** @type {([string, string] | null)[]} */
  const found = [];
  let within = false;
  doc.forEach((node, _, index) => {
    if (levelOf(node)) within = node.type.name === "item";
    if (index >= doc.childCount - 1) within = false;
    found.push(within ? ["boxed", levelOf(node) ? "box-start" : ""] : null);
  });
  return found.map((each, at) => {
    if (!each) return "";
    const next = found[at + 1];
    return [...each, !next || next[1] ? "box-end" : ""].filter(Boolean).join(" ");
  });
}

export function itemsInBoxes() {
  /** @param {DocNode} doc @param {string[]} classes */
  const draw = (doc, classes) => {
    /** @type {Decoration[]} */
    const made = [];
    doc.forEach((node, pos, index) => {
      if (classes[index])
        made.push(Decoration.node(pos, pos + node.nodeSize, { class: classes[index] }));
    });
    return { classes: classes.join("|"), set: DecorationSet.create(doc, made) };
  };
  return new Plugin({
    key,
    state: {
      init: (_, { doc }) => draw(doc, classesOf(doc)),
      apply(tr, held) {
        if (!tr.docChanged) return held;
        const classes = classesOf(tr.doc);
        // Typing within a block leaves the boxes as they are.
        return classes.join("|") === held.classes
          ? { ...held, set: held.set.map(tr.mapping, tr.doc) }
          : draw(tr.doc, classes);
      },
    },
    props: { decorations: (state) => key.getState(state).set },
  });
}
