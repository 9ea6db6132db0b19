/** What the clipboard brings: Word's, Google's and web pages' HTML made plain before it is read. */
import { Fragment, Slice } from "prosemirror-model";
import { Plugin, TextSelection } from "prosemirror-state";
import { caretAt } from "./commands.js";
import { flowEnd, positionOf } from "./outline.js";
import { say } from "./page.js";
import { schema } from "./schema.js";

const SAFE = /^(https?:|mailto:|tel:)/i;
const DROPPED = "style, script, meta, link, title, head, noscript, template, iframe, object, form, input, button, svg, canvas, video, audio, o\\:p, xml";

/** @param {string} html @returns {string} */
export function cleanHtml(html) {
  const page = new DOMParser().parseFromString(inert(html), "text/html");
  const { body } = page;
  body.querySelectorAll(DROPPED).forEach((each) => each.remove());
  comments(page, body).forEach((each) => each.remove());
  wordLists(page, body);
  marksOfStyles(page, body);
  // Between blocks, line ends of the clipboard are no text.
  body.querySelectorAll(":scope > br").forEach((each) => each.remove());
  body.querySelectorAll("a[href]").forEach((link) => {
    link.setAttribute("href", target(link.getAttribute("href")));
    // Outlook repeats the address as what is shown above it.
    if (SAFE.test(link.getAttribute("title") || "")) link.removeAttribute("title");
    if (!SAFE.test(link.getAttribute("href"))) unwrap(link);
  });
  body.querySelectorAll("a:not([href])").forEach(unwrap);
  body.querySelectorAll(":is(td, th) > :is(p, div):only-child").forEach((each) => {
    const cell = /** @type {Element} */ (each.parentElement), align = alignOf(cell) || alignOf(each);
    if (align) cell.setAttribute("align", align);
  });
  body.querySelectorAll("td p, th p, td div, th div").forEach((each) => { if (each.nextElementSibling) each.after(page.createElement("br")); unwrap(each); });
  // Many programs put a list of the next level beside the item that it belongs to.
  body.querySelectorAll(":is(ul, ol) > :is(ul, ol)").forEach((each) => { if (each.previousElementSibling) each.previousElementSibling.append(each); });
  body.querySelectorAll("li > :is(p, div):only-child").forEach(unwrap);
  body.querySelectorAll("span, font").forEach(unwrap);
  body.querySelectorAll("[data-style], [class], [align]").forEach((each) => {
    const align = each.matches("td, th") ? alignOf(each) : "";
    ["data-style", "class", "align"].forEach((name) => each.removeAttribute(name));
    if (align) each.setAttribute("align", align);
  });
  body.querySelectorAll("p").forEach((each) => { if (!each.textContent.replaceAll("\u3000", "").trim() && !each.querySelector("img, br + br")) each.remove(); });
  return body.innerHTML;
}

/**
 * Styles and handlers are renamed before anything is parsed: the page's policy would refuse them, and
 * what a style says could not be read any more.
 */
const inert = (html) => html.replace(/<!--\[if[^]*?<!\[endif\]-->/g, "").replace(/<style\b[^]*?<\/style\s*>/gi, "")
  .replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\sstyle\s*=/gi, " data-style=").replace(/\son[a-z]+\s*=/gi, " data-on="));
const alignOf = (node) => (/(?<![\w-])text-align:\s*(left|center|right)/i.exec(styleOf(node)) || [])[1] || node.getAttribute("align") || "";
const styleOf = (node) => node.getAttribute("data-style") || "";

function comments(page, body) {
  const walker = page.createTreeWalker(body, NodeFilter.SHOW_COMMENT), found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found;
}

function unwrap(node) { node.replaceWith(...node.childNodes); }

/** Google's and Outlook's links lead over their own hosts. */
function target(url) {
  try {
    const parts = new URL(url);
    if (/\.safelinks\.protection\.outlook\.com$/.test(parts.hostname)) return parts.searchParams.get("url") || url;
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

const BOLD = "b, strong", ITALIC = "i, em", STRUCK = "s, del, strike";
/** @type {[string, string, RegExp][]} */
const OF_STYLE = [
  ["strong", BOLD, /(?<![\w-])font-weight:\s*(?:(bold|bolder|[6-9]\d\d)|normal|lighter|[1-5]\d\d)\b/i],
  ["em", ITALIC, /(?<![\w-])font-style:\s*(?:(italic|oblique)|normal)\b/i],
];

/**
 * Bold, italic and struck words, as the innermost style or tag around them says: programs write them
 * as styles of spans, of paragraphs, and undo a tag by a style (Google wraps all in a <b> that is not
 * bold). Headings are bold by themselves.
 */
function marksOfStyles(page, body) {
  const walker = page.createTreeWalker(body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  for (const text of found) {
    if (!text.data.trim()) continue;
    const around = [];
    for (let node = text.parentElement; node && node !== body; node = node.parentElement) around.push(node);
    const names = OF_STYLE.filter(([name, tags, pattern]) => {
      if (name === "strong" && around.some((node) => /^h[1-6]$/.test(node.localName))) return false;
      for (const node of around) {
        const styled = pattern.exec(styleOf(node));
        if (styled) return Boolean(styled[1]);
        if (node.matches(tags)) return true;
      }
      return false;
    }).map(([name]) => name);
    if (around.some((node) => node.matches(STRUCK) || /text-decoration(?:-line)?:[^;]*line-through/i.test(styleOf(node)))) names.push("s");
    for (const name of names) {
      const made = page.createElement(`x-${name}`);
      text.replaceWith(made);
      made.append(text);
    }
  }
  body.querySelectorAll(`${BOLD}, ${ITALIC}, ${STRUCK}`).forEach(unwrap);
  body.querySelectorAll("x-strong, x-em, x-s").forEach((each) => {
    const made = page.createElement(each.localName.slice(2));
    made.append(...each.childNodes);
    each.replaceWith(made);
  });
}

const LINES = ["masthead", "title", "credit", "link", "button", "chapter", "section", "item"];
const PLAIN = [...LINES, "credits", "paragraph", "heading", "text", "break"];

/** The words of a slice, a line of it a line; the cells of a row stand in one. */
function linesOf(content) {
  const found = [];
  content.forEach((node) => {
    if (node.isInline) found.push((found.pop() || "") + (node.isText ? node.text : node.type.name === "break" ? "\n" : ""));
    else if (node.type.name === "table_row") found.push(node.children.map((cell) => cell.textContent).join(" "));
    else if (node.isTextblock) found.push(node.textContent);
    else found.push(...linesOf(node.content));
  });
  return found.flatMap((line) => line.split("\n")).map((line) => line.trim()).filter(Boolean);
}

/**
 * Paste into a field of one line. Closing lines take each line as one of theirs; below a heading of the
 * text, blocks go on as blocks; all else becomes words, and what is lost by that is told.
 */
export function pasteLine(view, slice, tell) {
  const { $from, $to, from, to } = view.state.selection, name = $from.parent.type.name;
  if (!LINES.includes(name) || !$from.sameParent($to)) return false;
  const lines = linesOf(slice.content), { tr } = view.state;
  if (!lines.length) {
    if (slice.content.size) tell(say("formatsLost"));
    return true;
  }
  const blocks = slice.content.content.filter((node) => node.isBlock);
  const isPart = ["chapter", "section", "item"].includes(name);
  if (isPart && blocks.length > 1 && blocks.every(isFlow)) {
    const first = blocks[0].isTextblock ? linesOf(blocks[0].content).join(" ") : "";
    if (first) tr.insertText(first, from, to);
    const at = tr.doc.resolve(from).after(), rest = first ? blocks.slice(1) : blocks;
    tr.insert(at, rest);
    settle(tr, at + rest.reduce((size, node) => size + node.nodeSize, 0));
    view.dispatch(tr.scrollIntoView());
    return true;
  }
  if (name === "credit") {
    const made = lines.map((line) => schema.nodes.credit.create(null, schema.text(line)));
    tr.replace(from, to, new Slice(Fragment.fromArray(made), 1, 1));
    tr.setSelection(TextSelection.create(tr.doc, tr.mapping.map(to)));
  } else tr.insertText(lines.join(" "), from, to);
  view.dispatch(tr.scrollIntoView());
  let lost = false;
  slice.content.descendants((node) => { lost = lost || node.marks.length > 0 || !PLAIN.includes(node.type.name); return !lost; });
  if (lost) tell(say("formatsLost"));
  return true;
}

function isFlow(node) {
  try { node.check(); } catch { return false; }
  return node.type.isInGroup("flow");
}

/** Put the caret where what was pasted ends: in its last paragraph, or in a new one behind it. */
function settle(tr, end) {
  let $end = tr.doc.resolve(end);
  const last = $end.nodeBefore;
  if (last && last.type === schema.nodes.paragraph) return tr.setSelection(TextSelection.create(tr.doc, end - 1));
  while ($end.depth && !$end.parent.canReplaceWith($end.index(), $end.index(), schema.nodes.paragraph)) $end = tr.doc.resolve($end.after());
  const index = $end.depth ? -1 : $end.index(0);
  if (index > flowEnd(tr.doc)) $end = tr.doc.resolve(positionOf(tr.doc, flowEnd(tr.doc)));
  return caretAt(tr, $end.pos);
}

/** Text that is typed after a paste goes on behind what was pasted, never in what comes next. */
export function caretAfterPaste() {
  return new Plugin({
    appendTransaction(transactions, before, state) {
      const pasted = transactions.find((tr) => tr.docChanged && ["paste", "drop"].includes(tr.getMeta("uiEvent")));
      if (!pasted) return null;
      let end = 0;
      pasted.mapping.maps.forEach((map, at) => map.forEach((_from, _to, _start, stop) => { end = Math.max(end, pasted.mapping.slice(at + 1).map(stop)); }));
      const { selection } = state, isText = selection instanceof TextSelection && selection.from <= end;
      if (isText || pasted.doc !== state.doc || state.doc.resolve(end).parent.inlineContent) return null;
      return settle(state.tr, end).scrollIntoView();
    },
  });
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
