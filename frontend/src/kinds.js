/**
 * The kinds of blocks: one entry each says how a block is read, written, shown and asked for.
 *
 * `spec` is its node, or `nodes` are its nodes; `read` and `write` go from the model's JSON to the
 * node and back, `fields` are its form. Kinds that the table does not know are kept as they are, in
 * a sealed card.
 */
import { readRuns, writeRuns } from "./inline.js";
/** @import { Node as DocNode, NodeSpec, NodeType, Schema } from "prosemirror-model" */
/** @import { Block, BlockOf, FormedBlock, Kind, KindField, ListBlock } from "./types.js" */
/** @import { PictureBlock, Run } from "./types.js" */

const BLOCK = "block";
/** @param {Schema} schema */
const paragraph = (schema) => schema.nodes.paragraph.create();
/** @param {Schema} schema @param {string} words */
const text = (schema, words) => (words ? [schema.text(words)] : []);
/** @param {Schema} schema @param {DocNode[]} nodes */
const filled = (schema, nodes) => (nodes.length ? nodes : [paragraph(schema)]);
/**
 * A block without those of its optional fields that are empty.
 *
 * @template {Block} Value
 * @param {Value} value
 * @param {...string} names
 * @returns {Value}
 */
const without = (value, ...names) =>
  /** @type {Value} */ (
    Object.fromEntries(
      Object.entries(value).filter(
        ([name, each]) =>
          !(names.includes(name) && (each === "" || (Array.isArray(each) && !each.length))),
      ),
    )
  );

/**
 * A block of which the form holds everything; the mail's look of it is drawn from its value.
 *
 * @template {FormedBlock["kind"]} Name
 * @param {Name} kind
 * @param {Omit<BlockOf<Name>, "kind">} fresh
 * @param {KindField[]} fields
 * @returns {Kind<BlockOf<Name>>}
 */
const formed = (kind, fresh, fields) => ({
  spec: {
    group: BLOCK,
    atom: true,
    selectable: true,
    draggable: true,
    attrs: { value: { default: { kind, ...fresh } } },
  },
  read: (schema, block) => schema.nodes[kind].create({ value: block }),
  write: (node) => node.attrs.value,
  fields,
});

/** @param {Schema} schema @param {ListBlock} block */
const listed = (schema, block) => {
  const items = block.items.map((item) =>
    schema.nodes.list_item.create(null, filled(schema, readBlocks(schema, item))),
  );
  const type = block.ordered ? schema.nodes.ordered_list : schema.nodes.bullet_list;
  return type.create({ start: block.start }, items);
};
/** @param {DocNode} node @returns {ListBlock} */
const writeList = (node) => {
  /** @type {Block[][]} */
  const items = [];
  node.forEach((item) => items.push(writeBlocks(item.content)));
  return {
    kind: "list",
    items,
    ordered: node.type.name === "ordered_list",
    start: node.attrs.start,
  };
};
/** @param {DocNode} node @returns {PictureBlock} */
const writePicture = (node) => {
  const { source, alt, url, title } = node.attrs;
  return without(
    { kind: "picture", source, alt, url, title, caption: writeRuns(node.content) },
    "title",
    "caption",
  );
};
/** @param {Schema} schema @param {PictureBlock} block */
const readPicture = (schema, block) =>
  schema.nodes.picture.create(
    { source: block.source, alt: block.alt, url: block.url || "", title: block.title || "" },
    readRuns(schema, block.caption || []),
  );

/** @type {{ [Name in Block["kind"]]: Kind<BlockOf<Name>> }} */
const KINDS = {
  paragraph: {
    spec: {
      group: BLOCK,
      content: "inline*",
      parseDOM: [{ tag: "p" }],
      toDOM: () => ["p", { class: "body" }, 0],
    },
    read: (schema, block) => schema.nodes.paragraph.create(null, readRuns(schema, block.content)),
    write: (node) => ({ kind: "paragraph", content: writeRuns(node.content) }),
  },
  heading: {
    spec: {
      group: BLOCK,
      content: "inline*",
      defining: true,
      attrs: { level: { default: 4 } },
      parseDOM: [
        { tag: "h4", attrs: { level: 4 } },
        { tag: "h5", attrs: { level: 5 } },
        { tag: "h6", attrs: { level: 6 } },
      ],
      toDOM: (node) => [
        node.attrs.level > 3 ? `h${node.attrs.level}` : "h4",
        { class: "subhead" },
        0,
      ],
    },
    read: (schema, block) =>
      schema.nodes.heading.create({ level: block.level }, readRuns(schema, block.content)),
    write: (node) => ({
      kind: "heading",
      level: node.attrs.level,
      content: writeRuns(node.content),
    }),
  },
  list: {
    nodes: {
      bullet_list: {
        group: BLOCK,
        content: "list_item+",
        attrs: { start: { default: 1 } },
        parseDOM: [{ tag: "ul" }],
        toDOM: () => ["ul", { class: "body" }, 0],
      },
      ordered_list: {
        group: BLOCK,
        content: "list_item+",
        attrs: { start: { default: 1 } },
        parseDOM: [
          { tag: "ol", getAttrs: (dom) => ({ start: Number(dom.getAttribute("start") || 1) }) },
        ],
        toDOM: (node) => ["ol", { class: "body", start: node.attrs.start }, 0],
      },
      list_item: {
        content: "block+",
        defining: true,
        parseDOM: [{ tag: "li" }],
        toDOM: () => ["li", { class: "point" }, 0],
      },
    },
    read: listed,
    write: writeList,
  },
  quotation: {
    nodes: {
      quotation: {
        group: BLOCK,
        content: "block+ quotation_source?",
        defining: true,
        parseDOM: [{ tag: "blockquote" }],
        toDOM: () => ["blockquote", { class: "quotation" }, 0],
      },
      quotation_source: {
        content: "inline*",
        parseDOM: [{ tag: "cite[data-source]" }],
        toDOM: () => ["cite", { class: "source", "data-source": "" }, 0],
      },
    },
    read: (schema, block) => {
      const inner = filled(schema, readBlocks(schema, block.blocks));
      if (block.source && block.source.length)
        inner.push(schema.nodes.quotation_source.create(null, readRuns(schema, block.source)));
      return schema.nodes.quotation.create(null, inner);
    },
    write: (node) => {
      const last = node.lastChild,
        source = last && last.type.name === "quotation_source" ? writeRuns(last.content) : [];
      return without({ kind: "quotation", blocks: writeBlocks(node.content), source }, "source");
    },
  },
  picture: {
    spec: {
      group: BLOCK,
      content: "inline*",
      isolating: true,
      draggable: true,
      attrs: {
        source: { default: "" },
        alt: { default: "" },
        url: { default: "" },
        title: { default: "" },
      },
      parseDOM: [
        {
          tag: "img[src]",
          getAttrs: (dom) => ({
            source: dom.getAttribute("src"),
            alt: dom.getAttribute("alt") || "",
            url: dom.getAttribute("data-url") || "",
          }),
        },
        {
          tag: "figure[data-src]",
          getAttrs: ({ dataset }) => ({
            source: dataset.src,
            alt: dataset.alt || "",
            url: dataset.url || "",
          }),
        },
      ],
      toDOM: (node) => [
        "figure",
        ["img", { src: node.attrs.source, alt: node.attrs.alt }],
        ["figcaption", 0],
      ],
    },
    read: readPicture,
    write: writePicture,
    fields: [
      { name: "alt", word: "alt", hint: "altHint", required: true },
      { name: "url", word: "leadsTo", hint: "leadsToHint", type: "url" },
    ],
  },
  verbatim: {
    spec: {
      group: BLOCK,
      content: "text*",
      marks: "",
      code: true,
      defining: true,
      parseDOM: [{ tag: "pre", preserveWhitespace: "full" }],
      toDOM: () => ["pre", { class: "verbatim" }, 0],
    },
    read: (schema, block) => schema.nodes.verbatim.create(null, text(schema, block.text)),
    write: (node) => ({ kind: "verbatim", text: node.textContent }),
  },
  "thematic-break": {
    nodes: {
      rule: {
        group: BLOCK,
        atom: true,
        draggable: true,
        parseDOM: [{ tag: "hr" }],
        toDOM: () => ["div", { class: "rule-line" }, ["hr", { class: "rule" }]],
      },
    },
    read: (schema) => schema.nodes.rule.create(),
    write: () => ({ kind: "thematic-break" }),
  },
  table: {
    nodes: {
      table: {
        group: BLOCK,
        content: "table_row+",
        tableRole: "table",
        isolating: true,
        parseDOM: [{ tag: "table" }],
        toDOM: () => ["table", { class: "table" }, ["tbody", 0]],
      },
      table_row: {
        content: "(table_cell | table_header)*",
        tableRole: "row",
        parseDOM: [{ tag: "tr" }],
        toDOM: () => ["tr", 0],
      },
      table_cell: cell("td", "cell"),
      table_header: cell("th", "header_cell"),
    },
    read: (schema, block) => {
      /** @param {Run[][]} cells @param {NodeType} type */
      const row = (cells, type) =>
        schema.nodes.table_row.create(
          null,
          cells.map((runs, at) =>
            type.create({ align: block.alignments[at] }, readRuns(schema, runs)),
          ),
        );
      return schema.nodes.table.create(null, [
        row(block.head, schema.nodes.table_header),
        ...block.rows.map((cells) => row(cells, schema.nodes.table_cell)),
      ]);
    },
    write: (node) => {
      /** @type {Run[][][]} */
      const rows = [];
      node.forEach((row) => rows.push(row.children.map((each) => writeRuns(each.content))));
      const width = Math.max(...rows.map((row) => row.length));
      rows.forEach((row) => {
        while (row.length < width) row.push([]);
      });
      const first = node.child(0),
        alignments = rows[0].map((_, at) =>
          at < first.childCount ? first.child(at).attrs.align : "",
        );
      return { kind: "table", alignments, head: rows[0], rows: rows.slice(1) };
    },
  },
  comment: {
    spec: {
      group: BLOCK,
      content: "text*",
      marks: "",
      code: true,
      defining: true,
      toDOM: () => ["div", { class: "editors-note" }, 0],
    },
    read: (schema, block) => schema.nodes.comment.create(null, text(schema, block.text)),
    write: (node) => ({ kind: "comment", text: node.textContent }),
  },
  button: {
    spec: {
      group: BLOCK,
      content: "text*",
      marks: "",
      isolating: true,
      draggable: true,
      attrs: { url: { default: "" } },
      parseDOM: [{ tag: "x-button", getAttrs: (dom) => ({ url: dom.getAttribute("href") || "" }) }],
      toDOM: () => ["div", { class: "button-line" }, ["span", { class: "button-link" }, 0]],
    },
    read: (schema, block) =>
      schema.nodes.button.create({ url: block.url }, text(schema, block.label)),
    write: (node) => ({ kind: "button", label: node.textContent, url: node.attrs.url }),
    fields: [
      { name: "label", word: "buttonLabel", required: true, content: true },
      { name: "url", word: "address", type: "url", required: true },
    ],
  },
  columns: {
    nodes: {
      columns: {
        group: BLOCK,
        content: "column column",
        isolating: true,
        draggable: true,
        toDOM: () => ["div", { class: "beside-columns" }, 0],
      },
      column: { content: "block+", isolating: true, toDOM: () => ["div", { class: "side" }, 0] },
    },
    read: (schema, block) =>
      schema.nodes.columns.create(
        null,
        [block.left, block.right].map((side) =>
          schema.nodes.column.create(null, filled(schema, readBlocks(schema, side))),
        ),
      ),
    write: (node) => ({
      kind: "columns",
      left: writeBlocks(node.child(0).content),
      right: writeBlocks(node.child(1).content),
    }),
  },
  conditional: {
    spec: {
      group: BLOCK,
      content: "block+",
      defining: true,
      draggable: true,
      attrs: { condition: { default: "" } },
      parseDOM: [
        {
          tag: "div.for-some",
          getAttrs: (dom) => ({ condition: dom.getAttribute("data-condition") || "" }),
        },
      ],
      toDOM: (node) => ["div", { class: "for-some", "data-condition": node.attrs.condition }, 0],
    },
    read: (schema, block) =>
      schema.nodes.conditional.create(
        { condition: block.condition },
        filled(schema, readBlocks(schema, block.blocks)),
      ),
    write: (node) => ({
      kind: "conditional",
      condition: node.attrs.condition,
      blocks: writeBlocks(node.content),
    }),
  },
  gallery: {
    spec: {
      group: BLOCK,
      content: "picture+",
      isolating: true,
      draggable: true,
      toDOM: () => ["div", { class: "gallery" }, 0],
    },
    read: (schema, block) =>
      schema.nodes.gallery.create(
        null,
        block.pictures.map((each) => readPicture(schema, each)),
      ),
    write: (node) => ({ kind: "gallery", pictures: node.children.map(writePicture) }),
  },
  file: formed("file", { url: "", name: "", media_type: "", size: 0 }, [
    { name: "name", word: "fileName", required: true },
    { name: "url", word: "address", type: "url", required: true },
    { name: "media_type", word: "mediaType" },
    { name: "size", word: "octets", type: "number" },
  ]),
  event: formed("event", { name: "", starts: "", ends: null, place: "", capacity: "", url: "" }, [
    { name: "name", word: "eventName", required: true },
    {
      name: "whole",
      word: "wholeDays",
      type: "whole-days",
      dates: {
        starts: { word: "starts", wholeWord: "firstDay", hour: "10:00" },
        ends: { word: "ends", wholeWord: "lastDay", hour: "17:00" },
      },
    },
    { name: "starts", word: "starts", type: "datetime-local", required: true },
    {
      name: "ends",
      word: "ends",
      type: "datetime-local",
      empty: null,
      from: "starts",
      optional: true,
    },
    { name: "place", word: "venue", optional: true },
    { name: "capacity", word: "capacity", optional: true },
    { name: "url", word: "address", type: "url", optional: true },
  ]),
  contact: formed(
    "contact",
    { name: "", department: "", phone: "", email: "", url: "", hours: "", address: "" },
    [
      { name: "name", word: "contactName" },
      { name: "department", word: "department" },
      { name: "phone", word: "phone", type: "tel" },
      { name: "email", word: "email", type: "email" },
      { name: "url", word: "website", type: "url" },
      { name: "hours", word: "hours", type: "text-area" },
      { name: "address", word: "postal", type: "text-area" },
    ],
  ),
  contents: formed("contents", {}, []),
  snippet: formed("snippet", { name: "" }, []),
};

/** @param {string} tag @param {string} role @returns {NodeSpec} */
function cell(tag, role) {
  /** @param {HTMLElement} dom */
  const getAttrs = (dom) => ({ align: dom.style.textAlign || dom.getAttribute("align") || "" });
  const attrs = {
    align: { default: "" },
    colspan: { default: 1 },
    rowspan: { default: 1 },
    colwidth: { default: null },
  };
  return {
    content: "inline*",
    tableRole: role,
    isolating: true,
    attrs,
    parseDOM: [
      {
        tag,
        getAttrs: (dom) => ({
          align: ["left", "center", "right"].includes(getAttrs(dom).align)
            ? getAttrs(dom).align
            : "",
        }),
      },
    ],
    toDOM: (node) => [
      tag,
      { class: "cell", ...(node.attrs.align ? { "data-align": node.attrs.align } : {}) },
      0,
    ],
  };
}

/** @typedef {Kind & { kind: string }} NamedKind */
/** @type {Map<string, NamedKind>} */
const byNode = new Map();
for (const [kind, entry] of Object.entries(KINDS)) {
  const names = entry.nodes ? Object.keys(entry.nodes) : [kind];
  names.forEach((name) => byNode.set(name, { kind, ...entry }));
}

/**
 * The table's entry of a node; undefined for what is no block.
 *
 * @param {DocNode} node
 * @returns {NamedKind | undefined}
 */
export const kindOf = (node) => byNode.get(node.type.name);

/** The nodes of all kinds, for the schema. */
export function blockNodes() {
  /** @type {Record<string, NodeSpec>} */
  const found = {};
  for (const [kind, entry] of Object.entries(KINDS))
    Object.assign(found, entry.nodes || { [kind]: entry.spec });
  found.sealed = {
    group: BLOCK,
    atom: true,
    selectable: true,
    draggable: true,
    attrs: { value: { default: {} } },
  };
  return found;
}

/** @param {Schema} schema @param {Block[]} blocks @returns {DocNode[]} */
export function readBlocks(schema, blocks) {
  return blocks.map((block) => {
    /** @type {Kind | undefined} */
    const entry = KINDS[block.kind];
    if (!entry) return schema.nodes.sealed.create({ value: block });
    try {
      const node = entry.read(schema, block);
      node.check();
      return node;
    } catch {
      return schema.nodes.sealed.create({ value: block });
    }
  });
}

/** @param {DocNode} node */
const isEmpty = (node) => ["paragraph", "heading"].includes(node.type.name) && !node.content.size;

/**
 * The blocks in some nodes; an empty paragraph is none.
 *
 * @param {{ forEach: (act: (node: DocNode) => void) => void }} content
 */
export function writeBlocks(content) {
  /** @type {Block[]} */
  const found = [];
  content.forEach((node) => {
    if (isEmpty(node) || node.type.name === "quotation_source") return;
    found.push(writeBlock(node));
  });
  return found;
}

/** @param {DocNode} node @returns {Block} */
function writeBlock(node) {
  const entry = kindOf(node);
  return entry ? entry.write(node) : node.attrs.value;
}
