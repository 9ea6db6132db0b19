/** The value: an issue's JSON (newsletter/issues/model.py) to the editor's document, and back. */
import { readBlocks, writeBlocks } from "./kinds.js";
import { HEAD } from "./outline.js";
import { schema } from "./schema.js";

const text = (words) => (words ? [schema.text(words)] : []);

/**
 * @param {any} issue
 * @returns {import("prosemirror-model").Node}
 */
export function toDocument(issue) {
  const { nodes } = schema;
  const flow = readBlocks(schema, issue.lead);
  const add = (type, heading, part, attrs = {}) => {
    flow.push(type.create({ ...attrs, condition: part.condition || "" }, text(heading)), ...readBlocks(schema, part.body));
    flow.push(...part.links.map((link) => nodes.link.create({ url: link.url }, text(link.label))));
  };
  issue.chapters.forEach((chapter, at) => {
    const nameless = !at && !chapter.heading && !chapter.condition && chapter.number === null && !chapter.body.length && !chapter.links.length;
    if (!nameless || !(chapter.items.length || chapter.sections.length)) add(nodes.chapter, chapter.heading, chapter, { number: chapter.number });
    chapter.items.forEach((item) => add(nodes.item, item.headline, item));
    for (const section of chapter.sections) {
      add(nodes.section, section.heading, section);
      section.items.forEach((item) => add(nodes.item, item.headline, item));
    }
  });
  const credits = issue.credits.length ? issue.credits : [""];
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
      nodes.credits.create(null, credits.map((line) => nodes.credit.create(null, text(line)))),
    ],
  );
}

/**
 * @param {import("prosemirror-model").Node} doc
 * @returns {any}
 */
export function toIssue(doc) {
  /** @type {{lead: any[], chapters: any[], credits: string[], title?: string, masthead?: string}} */
  const found = { lead: [], chapters: [], credits: [] };
  /** @type {Record<string, any>} */
  let line = {};
  /** @type {Record<string, any>} */
  let part = { body: [] };
  /** @type {Record<string, any> | null} */
  let chapter = null, section = null;
  const lead = part;
  const chapterOf = () => {
    if (!chapter) { chapter = { heading: "", number: null, body: [], links: [], items: [], sections: [] }; found.chapters.push(chapter); }
    return chapter;
  };
  doc.forEach((node) => {
    switch (node.type.name) {
      case "masthead": case "title": found[node.type.name] = node.textContent; break;
      case "dateline": line = node.attrs; break;
      case "credits": found.credits = node.children.map((each) => each.textContent).filter(Boolean); break;
      case "chapter":
        part = chapter = { heading: node.textContent, number: node.attrs.number, body: [], links: [], items: [], sections: [], ...shown(node) };
        section = null;
        found.chapters.push(chapter);
        break;
      case "section":
        part = section = { heading: node.textContent, body: [], links: [], items: [], ...shown(node) };
        chapterOf().sections.push(section);
        break;
      case "item":
        part = { headline: node.textContent, body: [], links: [], ...shown(node) };
        (section || chapterOf()).items.push(part);
        break;
      default: part.body.push(node);
    }
  });
  found.lead = written(lead).body;
  for (const each of found.chapters) {
    Object.assign(each, written(each));
    each.items.forEach((item) => Object.assign(item, written(item)));
    for (const inner of each.sections) {
      Object.assign(inner, written(inner));
      inner.items.forEach((item) => Object.assign(item, written(item)));
    }
  }
  const { language, preheader, contents } = doc.attrs;
  return { title: found.title, issue_date: line.issue_date, language, masthead: found.masthead, number: line.number, preheader, lead: found.lead, contents, chapters: found.chapters, credits: found.credits };
}

/** For whom a part is; the value says nothing where it is for everybody. */
const shown = (node) => (node.attrs.condition ? { condition: node.attrs.condition } : {});

/** A part's text and links: those that end it are its own, any other is a paragraph. */
function written(part) {
  const nodes = part.body.filter((node) => !(node.type.name === "paragraph" && !node.content.size) && !(node.type.name === "link" && !node.attrs.url && !node.content.size));
  let end = nodes.length;
  while (part.links && end > 0 && nodes[end - 1].type.name === "link") end -= 1;
  const links = nodes.slice(end).map((node) => ({ url: node.attrs.url, label: node.textContent }));
  const body = nodes.slice(0, end).flatMap((node) => (node.type.name === "link" ? [asParagraph(node)] : writeBlocks({ forEach: (act) => act(node) })));
  return part.links ? { body, links } : { body };
}

const asParagraph = (node) => ({
  kind: "paragraph",
  content: [{ kind: "anchor", url: node.attrs.url, content: [{ kind: "text", text: node.textContent || node.attrs.url }] }],
});

/** The anchors of an issue's parts, by the position of their headings. */
export function anchorsOf(doc) {
  const found = [];
  let chapter = 0, section = null, item = 0;
  doc.forEach((node, pos) => {
    const name = node.type.name;
    if (name === "chapter") { chapter += 1; section = null; item = 0; found.push({ anchor: `c${chapter}`, pos, node }); }
    else if (name === "section") { chapter = chapter || 1; section = (section || 0) + 1; item = 0; found.push({ anchor: `c${chapter}-s${section}`, pos, node }); }
    else if (name === "item") { chapter = chapter || 1; item += 1; found.push({ anchor: section ? `c${chapter}-s${section}-i${item}` : `c${chapter}-i${item}`, pos, node }); }
  });
  return found;
}
