/** What the clipboard brings: Word's, Google's and web pages' HTML made plain before it is read. */
import { separateCells } from "./grid.js";

const SAFE = /^(https?:|mailto:|tel:)/i;
const DROPPED = "style, script, meta, link, title, head, noscript, template, iframe, object, form, input, button, svg, canvas, video, audio, o\\:p, xml";

/** What the last cleaning changed or left out, by kind and count. @type {Map<string, number>} */
let losses = new Map();

/** What the cleaning of the HTML that is being pasted changed; asked for once. */
export function takeLosses() {
  const taken = losses;
  losses = new Map();
  return taken;
}

/** @param {string} html @returns {string} */
export function cleanHtml(html) {
  losses = new Map();
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
  const merged = [...body.querySelectorAll("table")].reduce((count, table) => count + separateCells(table), 0);
  if (merged) losses.set("merged", merged);
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
