/** The value: an issue's JSON (newsletter/issues/model.py) to the editor's document, and back. */
import { readBlocks, writeBlocks } from "./kinds.js";
import { HEAD } from "./outline.js";
import { schema } from "./schema.js";
/** @import { Attrs, Node as DocNode, NodeType } from "prosemirror-model" */
/** @import { Block, Chapter, HeadLine, Issue, Item, Link, ParagraphBlock } from "./types.js" */
/** @import { Section } from "./types.js" */

/** @param {string} words */
const text = (words) => (words ? [schema.text(words)] : []);

/** @param {Issue} issue */
export function toDocument(issue) {
  const { nodes } = schema;
  const flow = readBlocks(schema, issue.lead);
  /**
   * @param {NodeType} type
   * @param {string} heading
   * @param {Item | Section | Chapter} part
   * @param {Attrs} [attrs]
   */
  const add = (type, heading, part, attrs = {}) => {
    flow.push(
      type.create({ ...attrs, condition: part.condition || "" }, text(heading)),
      ...readBlocks(schema, part.body),
    );
    flow.push(...part.links.map((link) => nodes.link.create({ url: link.url }, text(link.label))));
  };
  issue.chapters.forEach((chapter, at) => {
    const nameless =
      !at &&
      !chapter.heading &&
      !chapter.condition &&
      chapter.number === null &&
      !chapter.body.length &&
      !chapter.links.length;
    if (!nameless || !(chapter.items.length || chapter.sections.length))
      add(nodes.chapter, chapter.heading, chapter, { number: chapter.number });
    chapter.items.forEach((item) => add(nodes.item, item.headline, item));
    for (const section of chapter.sections) {
      add(nodes.section, section.heading, section);
      section.items.forEach((item) => add(nodes.item, item.headline, item));
    }
  });
  const credits = issue.credits.length ? issue.credits : [""];
  /** @type {Record<HeadLine, () => DocNode>} */
  const head = {
    masthead: () => nodes.masthead.create(null, text(issue.masthead)),
    title: () => nodes.title.create(null, text(issue.title)),
    dateline: () => nodes.dateline.create({ issue_date: issue.issue_date, number: issue.number }),
  };
  return nodes.issue.create(
    { language: issue.language, preheader: issue.preheader, contents: issue.contents },
    [
      ...HEAD.map((name) => head[name]()),
      ...(flow.length ? flow : [nodes.paragraph.create()]),
      nodes.credits.create(
        null,
        credits.map((line) => nodes.credit.create(null, text(line))),
      ),
    ],
  );
}

/**
 * A part, and what stands in it: of this its text and links are made.
 *
 * @typedef {{ part: { body: Block[], links?: Link[] }, nodes: DocNode[] }} Gathered
 */

/** @param {DocNode} doc @returns {Issue} */
export function toIssue(doc) {
  const { language, preheader, contents } = doc.attrs,
    lead = { body: [] };
  /** @type {Issue} */
  const issue = {
    title: "",
    issue_date: "",
    language,
    masthead: "",
    number: "",
    preheader,
    lead: [],
    contents,
    chapters: [],
    credits: [],
  };
  /** @type {Gathered[]} */
  const gathered = [{ part: lead, nodes: [] }];
  /** @type {Section | null} */
  let section = null;
  /** @template {Item | Section | Chapter} Part @param {Part} part */
  const begin = (part) => {
    gathered.push({ part, nodes: [] });
    return part;
  };
  /**
   * @param {string} heading
   * @param {number | null} number
   * @param {{ condition?: string }} condition
   * @returns {Chapter}
   */
  const chapterOf = (heading, number, condition) => ({
    heading,
    number,
    body: [],
    links: [],
    items: [],
    sections: [],
    ...condition,
  });
  // Sections and items before any chapter stand in one without a heading.
  const around = () => {
    if (!issue.chapters.length) issue.chapters.push(chapterOf("", null, {}));
    return issue.chapters[issue.chapters.length - 1];
  };
  for (const node of doc.children) {
    switch (node.type.name) {
      case "masthead":
      case "title":
        issue[node.type.name] = node.textContent;
        break;
      case "dateline":
        Object.assign(issue, { issue_date: node.attrs.issue_date, number: node.attrs.number });
        break;
      case "credits":
        issue.credits = node.children.map((each) => each.textContent).filter(Boolean);
        break;
      case "chapter":
        issue.chapters.push(begin(chapterOf(node.textContent, node.attrs.number, shown(node))));
        section = null;
        break;
      case "section":
        section = begin({
          heading: node.textContent,
          body: [],
          links: [],
          items: [],
          ...shown(node),
        });
        around().sections.push(section);
        break;
      case "item":
        (section || around()).items.push(
          begin({ headline: node.textContent, body: [], links: [], ...shown(node) }),
        );
        break;
      default:
        gathered[gathered.length - 1].nodes.push(node);
    }
  }
  for (const { part, nodes } of gathered) Object.assign(part, written(nodes, "links" in part));
  return { ...issue, lead: lead.body };
}

/** For whom a part is; the value says nothing where it is for everybody. @param {DocNode} node */
const shown = (node) => (node.attrs.condition ? { condition: node.attrs.condition } : {});

/**
 * A part's text and links: those that end it are its own, any other is a paragraph.
 *
 * @param {DocNode[]} content
 * @param {boolean} hasLinks
 */
function written(content, hasLinks) {
  const nodes = content.filter(
    (node) =>
      !(node.type.name === "paragraph" && !node.content.size) &&
      !(node.type.name === "link" && !node.attrs.url && !node.content.size),
  );
  let end = nodes.length;
  while (hasLinks && end > 0 && nodes[end - 1].type.name === "link") end -= 1;
  const links = nodes.slice(end).map((node) => ({ url: node.attrs.url, label: node.textContent }));
  const body = nodes
    .slice(0, end)
    .flatMap((node) => (node.type.name === "link" ? [asParagraph(node)] : writeBlocks([node])));
  return hasLinks ? { body, links } : { body };
}

/**
 * The blocks that some nodes of the flow are, none of which is a heading of a part.
 *
 * @param {DocNode[]} content
 */
export const blocksIn = (content) => written(content, false).body;

/** @param {DocNode} node @returns {ParagraphBlock} */
const asParagraph = (node) => ({
  kind: "paragraph",
  content: [
    {
      kind: "anchor",
      url: node.attrs.url,
      content: [{ kind: "text", text: node.textContent || node.attrs.url }],
    },
  ],
});

/** The anchors of an issue's parts, by the position of their headings. @param {DocNode} doc */
export function anchorsOf(doc) {
  /** @type {{ anchor: string, pos: number }[]} */
  const found = [];
  let chapter = 0,
    section = 0,
    item = 0;
  doc.forEach((node, pos) => {
    const name = node.type.name;
    if (name === "chapter") {
      chapter += 1;
      section = 0;
      item = 0;
      found.push({ anchor: `c${chapter}`, pos });
    } else if (name === "section") {
      chapter = chapter || 1;
      section += 1;
      item = 0;
      found.push({ anchor: `c${chapter}-s${section}`, pos });
    } else if (name === "item") {
      chapter = chapter || 1;
      item += 1;
      found.push({
        anchor: section ? `c${chapter}-s${section}-i${item}` : `c${chapter}-i${item}`,
        pos,
      });
    }
  });
  return found;
}
