/**
 * What is copied from the mail: HTML for other programs, and in it the nodes themselves for the
 * mail, which not all can be told from their look.
 */
import { DOMParser as ContentParser, DOMSerializer, Fragment, Slice } from "prosemirror-model";
import { textOf } from "./inline.js";
import { schema } from "./schema.js";
/** @import { DOMOutputSpec, Node as DocNode } from "prosemirror-model" */

const NODES = "data-nodes",
  KEY = "data-key";

/** Nodes are taken from this site's own pages alone: another's clipboard could name any address. */
const key = (() => {
  const made = crypto.getRandomValues(new Uint32Array(4)).join("-");
  try {
    const held = localStorage.getItem("clipboard-key") || made;
    localStorage.setItem("clipboard-key", held);
    return held;
  } catch {
    return made;
  }
})();

/**
 * What other programs get of a node without text of its own.
 *
 * @param {DocNode} node
 * @returns {DOMOutputSpec}
 */
function inWords(node) {
  switch (node.type.name) {
    case "field":
      return ["span", node.attrs.fallback];
    case "footnote":
      return ["span", `（${textOf(node.attrs.content)}）`];
    case "remark":
    case "dateline":
      return ["span"];
    default: {
      const { kind, ...fields } = node.attrs.value;
      return [
        node.isInline ? "span" : "p",
        Object.values(fields)
          .filter((each) => each && typeof each === "string")
          .join(" "),
      ];
    }
  }
}

const shown = DOMSerializer.nodesFromSchema(schema);
Object.keys(schema.nodes).forEach((name) => {
  if (!shown[name] && name !== "issue") shown[name] = inWords;
});

class Serializer extends DOMSerializer {
  /**
   * @param {Fragment} fragment
   * @param {{ document?: Document }} options
   * @param {HTMLElement | DocumentFragment} target
   * @returns {HTMLElement | DocumentFragment}
   */
  serializeFragment(fragment, options, target) {
    const made = super.serializeFragment(fragment, options, target),
      first = made.firstChild;
    if (target || !fragment.size) return made;
    const holder =
      first instanceof HTMLElement
        ? first
        : made.insertBefore(document.createElement("span"), first);
    if (first && first !== holder) holder.append(first);
    holder.setAttribute(NODES, JSON.stringify(fragment.toJSON()));
    holder.setAttribute(KEY, key);
    return made;
  }
}
export const clipboardSerializer = new Serializer(shown, DOMSerializer.marksFromSchema(schema));

/** Whether some HTML was copied from a mail of this site. @param {string} html */
export const isOwn = (html) => html.includes(NODES) && html.includes(`${KEY}="${key}"`);

class Parser extends ContentParser {
  /** @param {HTMLElement} dom @param {Parameters<ContentParser["parseSlice"]>[1]} [options] */
  parseSlice(dom, options) {
    const held = dom.querySelector(`[${NODES}][${KEY}="${key}"]`);
    if (held) {
      try {
        const fragment = Fragment.fromJSON(schema, JSON.parse(held.getAttribute(NODES) || "null"));
        fragment.forEach((node) => node.check());
        return Slice.maxOpen(fragment);
      } catch {
        /* From a page of an older version: it is read by its look. */
      }
    }
    return super.parseSlice(dom, options);
  }
}
export const clipboardParser = new Parser(schema, ContentParser.fromSchema(schema).rules);
