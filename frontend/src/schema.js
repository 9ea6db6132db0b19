/**
 * The document's schema. An issue is one run of headings and blocks, as its Markdown is: a chapter,
 * section or item goes on until the next heading that stands as high. See `issue.js`.
 */
import { DOMParser as ContentParser, Schema } from "prosemirror-model";
import { writeRuns } from "./inline.js";
import { blockNodes } from "./kinds.js";
import { HEAD } from "./outline.js";
import { readersWord } from "./readers.js";
/** @import { NodeSpec } from "prosemirror-model" */

const nested = { depth: { default: null }, apart: { default: false } };
/**
 * @returns {NodeSpec}
 *
 * @param {string} tag
 * @param {string} name
 * @param {NodeSpec} [more]
 */
const line = (tag, name, more = {}) => ({
  content: "text*",
  marks: "",
  selectable: false,
  toDOM: () => [tag, { class: name }, 0],
  ...more,
});
/**
 * @returns {NodeSpec}
 *
 * @param {string} tag
 * @param {string} name
 * @param {string[]} from
 * @param {NodeSpec["attrs"]} attrs
 */
const part = (tag, name, from, attrs) => ({
  group: "part",
  content: "text*",
  marks: "",
  defining: true,
  attrs,
  parseDOM: from.map((each) => ({ tag: each })),
  toDOM: (node) => [
    tag,
    {
      class: name,
      ...(node.attrs.number ? { "data-number": `${node.attrs.number}. ` } : {}),
      ...(node.attrs.condition
        ? {
            "data-condition": node.attrs.condition,
            "data-readers": readersWord(node.attrs.condition),
          }
        : {}),
    },
    0,
  ],
});
const forSome = { condition: { default: "" } };
/** @param {NodeSpec["attrs"]} attrs @returns {NodeSpec} */
const chip = (attrs) => ({ group: "inline", inline: true, atom: true, selectable: true, attrs });

/** @type {Schema} */
export const schema = new Schema({
  topNode: "issue",
  nodes: {
    issue: {
      content: `${HEAD.join(" ")} flow+ credits`,
      attrs: { language: { default: "ja" }, preheader: { default: "" }, contents: { default: [] } },
    },
    // Before all other blocks: what stands where nothing was said is a paragraph.
    ...flowing(blockNodes()),
    masthead: line("p", "masthead", { isolating: true }),
    title: line("h1", "title", { isolating: true }),
    dateline: {
      atom: true,
      selectable: true,
      attrs: { issue_date: { default: "" }, number: { default: "" } },
    },
    chapter: {
      ...part("h2", "chapter", ["h1"], { number: { default: null }, ...forSome }),
      group: "part flow",
    },
    section: { ...part("h3", "section", ["h2"], forSome), group: "part flow" },
    item: { ...part("h3", "item", ["h3"], forSome), group: "part flow" },
    link: {
      group: "flow",
      content: "text*",
      marks: "",
      defining: true,
      attrs: { url: { default: "" } },
      toDOM: (node) => [
        "p",
        { class: "more" },
        ["span", { class: "link named", "data-url": short(node.attrs.url) }, 0],
      ],
    },
    // Blocks by themselves: a snippet, or what is translated beside its original.
    piece: { content: "block+", attrs: { language: { default: "ja" } } },
    credits: {
      content: "credit+",
      isolating: true,
      selectable: false,
      toDOM: () => ["div", { class: "credits" }, 0],
    },
    credit: line("p", "small"),
    text: { group: "inline" },
    break: {
      group: "inline",
      inline: true,
      selectable: false,
      parseDOM: [{ tag: "br" }],
      toDOM: () => ["br"],
      leafText: () => "\n",
    },
    footnote: {
      ...chip({ content: { default: [] } }),
      parseDOM: [{ tag: "x-footnote", getAttrs: (dom) => ({ content: runsIn(dom) }) }],
    },
    remark: chip({ text: { default: "" } }),
    field: chip({ field: { default: "name" }, fallback: { default: "" } }),
    sealed_run: chip({ value: { default: {} } }),
  },
  marks: {
    anchor: {
      attrs: { url: {}, title: { default: "" }, ...nested },
      inclusive: false,
      parseDOM: [
        {
          tag: "a[href]",
          getAttrs: (dom) => ({
            url: dom.getAttribute("href"),
            title: dom.getAttribute("title") || "",
          }),
        },
      ],
      toDOM: (mark) => [
        "a",
        {
          class: "link",
          href: mark.attrs.url,
          ...(mark.attrs.title ? { title: mark.attrs.title } : {}),
        },
        0,
      ],
    },
    strong: {
      attrs: nested,
      parseDOM: [{ tag: "strong" }, { tag: "b" }],
      toDOM: () => ["strong", 0],
    },
    emphasis: { attrs: nested, parseDOM: [{ tag: "em" }, { tag: "i" }], toDOM: () => ["em", 0] },
    strikethrough: {
      attrs: nested,
      parseDOM: [{ tag: "s" }, { tag: "del" }, { tag: "strike" }],
      toDOM: () => ["del", 0],
    },
    code: {
      attrs: nested,
      parseDOM: [{ tag: "code" }, { tag: "tt" }, { tag: "kbd" }],
      toDOM: () => ["code", { class: "code" }, 0],
    },
  },
});

/**
 * The running text that a clipboard's element holds, as the model has it.
 *
 * @param {HTMLElement} dom
 */
function runsIn(dom) {
  const texts = document.createTreeWalker(dom, NodeFilter.SHOW_TEXT);
  const first = /** @type {Text | null} */ (texts.nextNode());
  if (first) first.data = first.data.trimStart();
  return writeRuns(
    ContentParser.fromSchema(schema).parse(dom, { topNode: schema.nodes.paragraph.create() })
      .content,
  );
}

/**
 * Blocks stand in the issue itself as well as in lists, quotations and columns.
 *
 * @param {Record<string, NodeSpec>} nodes
 * @returns {Record<string, NodeSpec>}
 */
function flowing(nodes) {
  return Object.fromEntries(
    Object.entries(nodes).map(([name, spec]) => [
      name,
      spec.group ? { ...spec, group: `${spec.group} flow` } : spec,
    ]),
  );
}

/** An address as the mail shows it where it has no words of its own. @param {string} url */
export function short(url) {
  try {
    const parts = new URL(url);
    if (!["http:", "https:"].includes(parts.protocol)) return url;
    const path = decodeURI(parts.pathname).replace(/\/$/, ""),
      host = parts.host.replace(/^www\./, "");
    const whole = host + path + (parts.search || parts.hash ? "…" : "");
    return whole.length > 36 ? `${whole.slice(0, 35)}…` : whole;
  } catch {
    return url;
  }
}
