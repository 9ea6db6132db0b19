/** What the clipboard brings: Word's, Google's and web pages' HTML made plain before it is read. */
import { Fragment, Slice } from "prosemirror-model";
import { schema } from "./schema.js";
import { say } from "./page.js";

const SAFE = /^(https?:|mailto:|tel:)/i;
const DROPPED = "style, script, meta, link, title, head, noscript, template, iframe, object, form, input, button, svg, canvas, video, audio, o\\:p, xml";

/** @param {string} html @returns {string} */
export function cleanHtml(html) {
  const page = new DOMParser().parseFromString(inert(html), "text/html");
  const { body } = page;
  body.querySelectorAll(DROPPED).forEach((each) => each.remove());
  comments(page, body).forEach((each) => each.remove());
  // Google wraps all in a <b> that is not bold.
  body.querySelectorAll("b[id^=docs-internal-guid], b[data-style*='font-weight:normal'], b[data-style*='font-weight: normal']").forEach(unwrap);
  // Between blocks, line ends of the clipboard are no text.
  body.querySelectorAll(":scope > br").forEach((each) => each.remove());
  wordLists(page, body);
  body.querySelectorAll("p, span, div, font").forEach(marksOfStyle);
  body.querySelectorAll("a[href]").forEach((link) => {
    link.setAttribute("href", target(link.getAttribute("href")));
    if (!SAFE.test(link.getAttribute("href"))) unwrap(link);
  });
  body.querySelectorAll("a:not([href])").forEach(unwrap);
  // Headings of pages are often bold once more.
  body.querySelectorAll(":is(h1, h2, h3, h4, h5, h6) :is(b, strong)").forEach(unwrap);
  body.querySelectorAll("td p, th p, td div, th div").forEach((each) => { if (each.nextElementSibling) each.after(page.createElement("br")); unwrap(each); });
  body.querySelectorAll("li > p:only-child").forEach(unwrap);
  body.querySelectorAll("span, font").forEach(unwrap);
  body.querySelectorAll("[data-style], [class], [align]").forEach((each) => {
    const align = each.matches("td, th") ? (/text-align:\s*(left|center|right)/i.exec(styleOf(each)) || [])[1] || each.getAttribute("align") : "";
    ["data-style", "class", "align"].forEach((name) => each.removeAttribute(name));
    if (align) each.setAttribute("align", align);
  });
  body.querySelectorAll("p").forEach((each) => { if (!each.textContent.trim() && !each.querySelector("img, br + br")) each.remove(); });
  return body.innerHTML;
}

/**
 * Styles and handlers are renamed before anything is parsed: the page's policy would refuse them, and
 * what a style says could not be read any more.
 */
const inert = (html) => html.replace(/<!--\[if[^]*?<!\[endif\]-->/g, "").replace(/<style\b[^]*?<\/style\s*>/gi, "")
  .replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\sstyle\s*=/gi, " data-style=").replace(/\son[a-z]+\s*=/gi, " data-on="));
const styleOf = (node) => node.getAttribute("data-style") || "";

function comments(page, body) {
  const walker = page.createTreeWalker(body, NodeFilter.SHOW_COMMENT), found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found;
}

function unwrap(node) { node.replaceWith(...node.childNodes); }

/** Google's links lead over its own host. */
function target(url) {
  try {
    const parts = new URL(url);
    if (/(^|\.)google\.[a-z.]+$/.test(parts.hostname) && parts.pathname === "/url") return parts.searchParams.get("q") || parts.searchParams.get("url") || url;
  } catch { /* Not an address that can be read; it is dropped by its scheme. */ }
  return url;
}

/** Word writes lists as paragraphs with their sign in a span; the level stands in the style. */
function wordLists(page, body) {
  const pattern = /mso-list:\s*l(\d+)\s+level(\d+)/i;
  let stack = [], list = "";
  for (const line of [...body.querySelectorAll("p, div, h1, h2, h3, h4, h5, h6")]) {
    const level = pattern.exec(styleOf(line));
    if (!level) { if (line.textContent.trim()) stack = []; continue; }
    const sign = [...line.querySelectorAll("span")].find((each) => /mso-list:\s*ignore/i.test(styleOf(each)));
    // A letter alone is a bullet of a font of signs; a number has its point or brackets.
    const ordered = Boolean(sign) && /^\s*(?:[(（]?(?:[0-9０-９]+|[a-zA-Z]|[ivxIVX]+)\s*[.)．）、]|[①-⑳])/.test(sign.textContent);
    if (sign) sign.remove();
    if (level[1] !== list && level[2] === "1") stack = [];
    list = level[1];
    const depth = Math.min(Number(level[2]), stack.length + 1), name = ordered ? "ol" : "ul";
    stack = stack.slice(0, depth);
    if (stack.length < depth || stack[depth - 1].localName !== name) {
      const made = page.createElement(name);
      if (depth > 1) stack[depth - 2].lastElementChild.append(made);
      else line.before(made);
      stack = [...stack.slice(0, depth - 1), made];
    }
    const item = page.createElement("li");
    item.append(...line.childNodes);
    stack[depth - 1].append(item);
    line.remove();
  }
}

/** What a style says that is more than looks. */
function marksOfStyle(node) {
  const style = styleOf(node), wanted = [];
  if (node.localName !== "p" && node.localName !== "div") {
    if (/font-weight:\s*(?:bold|[6-9]00)/i.test(style)) wanted.push("strong");
    if (/font-style:\s*italic/i.test(style)) wanted.push("em");
    if (/text-decoration[^;]*line-through/i.test(style)) wanted.push("s");
  }
  for (const name of wanted) {
    const made = node.ownerDocument.createElement(name);
    made.append(...node.childNodes);
    node.append(made);
  }
}

/** A pasted slice with what an issue can hold: pictures of the web alone, tables without joined cells. */
export function fitSlice(slice, tell) {
  let lost = 0;
  const fit = (node) => {
    if (node.type.name === "picture" && !/^https?:/i.test(node.attrs.source)) { lost += 1; return null; }
    if (node.type.name === "picture" && /(^|\/)(spacer|pixel|blank)\.(gif|png)/i.test(node.attrs.source)) return null;
    if (node.isText || node.isLeaf) return node;
    const children = [];
    node.forEach((child) => { const kept = fit(child); if (kept) children.push(kept); });
    const content = Fragment.fromArray(node.type.name === "table" ? squared(children) : children);
    if (!content.size && !node.type.validContent(Fragment.empty)) return null;
    return node.type.validContent(content) ? node.copy(content) : node.type.createAndFill(node.attrs, content) || node;
  };
  const found = [];
  slice.content.forEach((node) => { const kept = fit(node); if (kept) found.push(kept); });
  if (lost) tell(say("picturesLost", { count: lost }));
  const fitted = Fragment.fromArray(found);
  return lost || found.length !== slice.content.childCount ? Slice.maxOpen(fitted) : new Slice(fitted, slice.openStart, slice.openEnd);
}

/** Rows of one width; a cell that spans several stands in the first of them. */
function squared(rows) {
  const spread = rows.map((row) => row.children.flatMap((each) => {
    const { align, colspan } = each.attrs;
    const plain = each.type.create({ align }, each.content);
    return [plain, ...Array.from({ length: Math.min(colspan, 50) - 1 }, () => each.type.create({ align }))];
  }));
  const width = Math.max(1, ...spread.map((row) => row.length));
  return spread.map((row, at) => {
    const type = at ? schema.nodes.table_cell : schema.nodes.table_header;
    const cells = Array.from({ length: width }, (_, column) => (row[column] ? type.create({ align: row[column].attrs.align }, row[column].content) : type.create()));
    return schema.nodes.table_row.create(null, cells);
  });
}
