/** What the clipboard brings: Word's, Google's and web pages' HTML made plain before it is read. */
import { Account } from "./account.js";
import { flatten, moveBlocksOut, unwrapLayout } from "./cells.js";
import { separateCells, takeTitles } from "./grid.js";
import { leaveEditing, takeFootnotes, textsOf } from "./notes.js";
import { buttons, checklists, foldedParts, takeTask } from "./web_forms.js";

const SAFE = /^(https?:|mailto:|tel:)/i;
/** What a page never shows. */
const UNSEEN =
  "style, script, meta, link, title, head, noscript, template, xml, input[type=hidden]";
/** What a mail cannot hold, by the kind that the notice has for it. */
const FOREIGN = {
  embedded: "iframe, object, embed, video, audio",
  input: "input, select, textarea",
};

/** The account of the clipboard that is being pasted. @type {Account | null} */
let current = null;

/** What the clipboard held whose HTML was cleaned last; asked for once. */
export function takeAccount() {
  const taken = current;
  current = null;
  return taken;
}

/** @param {string} html @returns {string} */
export function cleanHtml(html) {
  const page = new DOMParser().parseFromString(inert(html), "text/html");
  const { body } = page,
    base = (page.querySelector("base[href]") || body).getAttribute("href");
  page.querySelectorAll(UNSEEN).forEach((each) => each.remove());
  comments(page, body).forEach((each) => each.remove());
  body.querySelectorAll("o\\:p").forEach((each) => {
    if (each.textContent.trim()) unwrap(each);
    else each.remove();
  });
  const account = new Account(body);
  current = account;
  for (const [kind, selector] of Object.entries(FOREIGN))
    body.querySelectorAll(selector).forEach((each) => leaveOut(each, kind, account));
  leaveEditing(
    body,
    account,
    /urn:schemas-microsoft-com:office:word|\bmso-|class="?Mso/i.test(html),
  );
  checklists(body);
  foldedParts(page, body);
  wordLists(page, body, account);
  takeFootnotes(page, body, account);
  pictures(page, body, account);
  raised(page, body, account);
  body.querySelectorAll("ruby").forEach((ruby) => {
    if (!ruby.querySelector("rp"))
      ruby.querySelectorAll("rt").forEach((each) => each.replaceWith(`（${each.textContent}）`));
  });
  marksOfStyles(page, body);
  // Between blocks, line ends of the clipboard are no text.
  body.querySelectorAll(":scope > br").forEach((each) => each.remove());
  links(body, base, account);
  buttons(page, body, styleOf);
  tables(
    page,
    body,
    account,
    /urn:schemas-microsoft-com:office|\bmso-|google-sheets-html-origin|(?:Libre|Open)Office/i.test(
      html,
    ),
  );
  // Many programs put a list of the next level beside the item that it belongs to.
  body.querySelectorAll(":is(ul, ol) > :is(ul, ol)").forEach((each) => {
    if (each.previousElementSibling) each.previousElementSibling.append(each);
  });
  body.querySelectorAll("li > :is(p, div):only-child").forEach(unwrap);
  body.querySelectorAll("span, font").forEach(unwrap);
  body.querySelectorAll("x-footnote").forEach((each) => flatten(page, each));
  body.querySelectorAll("[data-style], [class], [align]").forEach((each) => {
    const align = each.matches("td, th") ? alignOf(each) : "";
    ["data-style", "class", "align"].forEach((name) => each.removeAttribute(name));
    if (align) each.setAttribute("align", align);
  });
  body.querySelectorAll("p").forEach((each) => {
    if (
      !each.textContent.replaceAll("\u3000", "").trim() &&
      !each.querySelector("img, figure, x-footnote, br + br")
    )
      each.remove();
  });
  return body.innerHTML;
}

/**
 * Leave out what a mail cannot hold; the box of a task becomes its sign.
 *
 * @param {Element} node
 * @param {string} kind
 * @param {Account} account
 */
function leaveOut(node, kind, account) {
  if (!node.isConnected) return;
  if (node.matches("input[type=checkbox]") && takeTask(node)) return;
  account.become(node.textContent);
  if (!isUnseen(node)) account.lose(kind);
  node.remove();
}

/**
 * Whether something is there for programs: pixels that count readers, frames of no size.
 *
 * @param {Element} node
 */
function isUnseen(node) {
  /** @param {string} name */
  const size = (name) => {
    const value =
      node.getAttribute(name) ||
      (new RegExp(`(?<![\\w-])${name}:\\s*([\\d.]+)`, "i").exec(styleOf(node)) || [])[1];
    return value ? parseFloat(value) : Infinity;
  };
  return (
    size("width") <= 2 || size("height") <= 2 || /(?<![\w-])display:\s*none/i.test(styleOf(node))
  );
}

/**
 * Pictures with their captions and where they lead; letters that are drawn as pictures are text.
 *
 * @param {Document} page
 * @param {HTMLElement} body
 * @param {Account} account
 */
function pictures(page, body, account) {
  body.querySelectorAll("svg, canvas, v\\:shape, v\\:imagedata").forEach((each) => {
    if (!each.isConnected) return;
    account.become(each.textContent);
    if (
      each.getAttribute("aria-hidden") !== "true" &&
      !["presentation", "none"].includes(each.getAttribute("role") || "") &&
      !isUnseen(each)
    )
      account.pictures += 1;
    each.remove();
  });
  body.querySelectorAll("img").forEach((each) => {
    const alt = each.getAttribute("alt") || "",
      source = each.getAttribute("src") || "",
      late = each.getAttribute("data-src") || "";
    if (isUnseen(each) || /(^|\/)(spacer|pixel|blank)\.(gif|png)/i.test(source)) {
      each.remove();
      return;
    }
    if (/^\p{Extended_Pictographic}\S{0,8}$/u.test(alt)) {
      each.replaceWith(alt);
      return;
    }
    if (!/^https?:/i.test(source) && /^https?:/i.test(late)) each.setAttribute("src", late);
    account.pictures += 1;
    if (alt.trim() && !/^https?:/i.test(each.getAttribute("src") || ""))
      account.unseen.push(alt.trim());
    const link = each.closest("a[href]"),
      url = link ? target(link.getAttribute("href") || "") : "";
    if (SAFE.test(url)) each.setAttribute("data-url", url);
  });
  body.querySelectorAll("figure").forEach((figure) => {
    const shown = figure.querySelectorAll("img"),
      caption = figure.querySelector("figcaption");
    if (shown.length !== 1 || !caption || figure.querySelector("table, pre, blockquote")) return;
    const made = page.createElement("figure");
    ["src", "alt", "data-url"].forEach((name) => {
      const value = shown[0].getAttribute(name);
      if (value !== null) made.setAttribute(`data-${name.replace("data-", "")}`, value);
    });
    flatten(page, caption);
    made.append(...caption.childNodes);
    figure.replaceWith(made);
  });
}

const UP = Object.fromEntries(
  [..."0123456789+-−=()n"].map((each, at) => [each, [..."⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ"][at]]),
);
const DOWN = Object.fromEntries(
  [..."0123456789+-−=()"].map((each, at) => [each, [..."₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎"][at]]),
);

/**
 * Raised and lowered letters, as letters of that form; where there are none they stand in the line.
 *
 * @param {Document} page
 * @param {HTMLElement} body
 * @param {Account} account
 */
function raised(page, body, account) {
  body.querySelectorAll("[data-style]").forEach((each) => {
    const side = /(?<![\w-])vertical-align:\s*(super|sub)\b/i.exec(styleOf(each));
    if (!side || !each.matches("span, font, a, b, i") || each.closest("sup, sub")) return;
    const made = page.createElement(side[1].toLowerCase() === "super" ? "sup" : "sub");
    made.append(...each.childNodes);
    each.append(made);
  });
  account.lose("raised", body.querySelectorAll("msup, msub, mfrac").length);
  body.querySelectorAll("sup, sub").forEach((each) => {
    const forms = each.localName === "sup" ? UP : DOWN,
      words = each.textContent.trim();
    const isMark =
      each.querySelector("a, x-footnote, img") || each.closest("a, x-footnote") || !words;
    if (!isMark && [...words.normalize("NFKC")].every((letter) => letter in forms)) {
      each.replaceWith([...words.normalize("NFKC")].map((letter) => forms[letter]).join(""));
      return;
    }
    if (!isMark) account.lose("raised");
    unwrap(each);
  });
}

/**
 * Links by their whole addresses; those without one leave their words.
 *
 * @param {HTMLElement} body
 * @param {string | null} base
 * @param {Account} account
 */
function links(body, base, account) {
  body.querySelectorAll("a[href]").forEach((link) => {
    const given = (link.getAttribute("href") || "").trim(),
      url = target(absolute(given, base)),
      words = link.textContent.trim();
    // These lead nowhere by themselves: a page's script acts on them.
    if (
      (words || link.querySelector("img")) &&
      given &&
      given !== "#" &&
      !/^javascript:\s*(?:void\b[^]*|;*)$/i.test(given)
    )
      account.links.push({ url, words });
    link.setAttribute("href", url);
    // Outlook repeats the address as what is shown above it.
    if (SAFE.test(link.getAttribute("title") || "")) link.removeAttribute("title");
    if (!SAFE.test(url)) unwrap(link);
  });
  body.querySelectorAll("a:not([href])").forEach(unwrap);
}

/** @param {string} url @param {string | null} base */
function absolute(url, base) {
  if (url.startsWith("//")) return `https:${url}`;
  try {
    return base && !url.startsWith("#") ? new URL(url, base).href : url;
  } catch {
    return url;
  }
}

/**
 * Tables whose cells hold a line or several of words each; what is a table for its look is none.
 *
 * @param {Document} page
 * @param {HTMLElement} body
 * @param {Account} account
 * @param {boolean} isOffice
 */
function tables(page, body, account, isOffice) {
  unwrapLayout(page, body);
  body.querySelectorAll(":is(td, th) > :is(p, div):only-child").forEach((each) => {
    const cell = /** @type {Element} */ (each.parentElement),
      align = alignOf(cell) || alignOf(each);
    if (align) cell.setAttribute("align", align);
  });
  body.querySelectorAll("caption").forEach((each) => {
    const made = page.createElement("p"),
      table = each.closest("table");
    flatten(page, each);
    made.append(...each.childNodes);
    each.remove();
    if (table && made.textContent.trim()) table.before(made);
  });
  if (isOffice) body.querySelectorAll("table").forEach((table) => takeTitles(table));
  // From the innermost: a table within a cell becomes lines of it.
  [...body.querySelectorAll("table")].reverse().forEach((table) => {
    account.lose("merged", separateCells(table));
    table.querySelectorAll("td, th").forEach((cell) => {
      moveBlocksOut(table, cell);
      flatten(page, cell);
    });
  });
}

/**
 * Styles and handlers are renamed before anything is parsed: the page's policy would refuse them,
 * and what a style says could not be read any more.
 *
 * @param {string} html
 */
const inert = (html) =>
  html
    .replace(/<!--\[if[^]*?<!\[endif\]-->/g, "")
    .replace(/<style\b[^]*?<\/style\s*>/gi, "")
    .replace(/<[a-z][^>]*>/gi, (tag) =>
      tag.replace(/\sstyle\s*=/gi, " data-style=").replace(/\son[a-z]+\s*=/gi, " data-on="),
    );
/** @param {Element} node @returns {string} */
const alignOf = (node) =>
  (/(?<![\w-])text-align:\s*(left|center|right)/i.exec(styleOf(node)) || [])[1] ||
  node.getAttribute("align") ||
  "";
/** @param {Element} node */
const styleOf = (node) => node.getAttribute("data-style") || "";

/** @param {Document} page @param {HTMLElement} body */
function comments(page, body) {
  const walker = page.createTreeWalker(body, NodeFilter.SHOW_COMMENT),
    found = [];
  while (walker.nextNode()) found.push(/** @type {Comment} */ (walker.currentNode));
  return found;
}

/** @param {Element} node */
function unwrap(node) {
  node.replaceWith(...node.childNodes);
}

/** Google's and Outlook's links lead over their own hosts. @param {string} url */
function target(url) {
  try {
    const parts = new URL(url);
    if (/\.safelinks\.protection\.outlook\.com$/.test(parts.hostname))
      return parts.searchParams.get("url") || url;
    if (/(^|\.)google\.[a-z.]+$/.test(parts.hostname) && parts.pathname === "/url")
      return parts.searchParams.get("q") || parts.searchParams.get("url") || url;
  } catch {
    /* Not an address that can be read; it is dropped by its scheme. */
  }
  return url;
}

/**
 * Word writes lists as paragraphs with their sign in a span; the level stands in the style.
 *
 * @param {Document} page
 * @param {HTMLElement} body
 * @param {Account} account
 */
function wordLists(page, body, account) {
  const pattern = /mso-list:\s*l(\d+)\s+level(\d+)/i;
  /** The lists that are open, from the outermost. @type {Element[]} */
  let stack = [];
  let list = "";
  for (const line of [...body.querySelectorAll("p, div, h1, h2, h3, h4, h5, h6")]) {
    const level = pattern.exec(styleOf(line));
    if (!level) {
      if (line.textContent.trim()) stack = [];
      continue;
    }
    const sign = [...line.querySelectorAll("span")].find((each) =>
      /mso-list:\s*ignore/i.test(styleOf(each)),
    );
    // A letter alone is a bullet of a font of signs; a number has its point or brackets.
    const ordered =
      sign !== undefined &&
      /^\s*(?:[(（]?(?:[0-9０-９]+|[a-zA-Z]|[ivxIVX]+)\s*[.)．）、]|[①-⑳])/.test(sign.textContent);
    if (sign) {
      account.become(sign.textContent);
      sign.remove();
    }
    if (level[1] !== list && level[2] === "1") stack = [];
    list = level[1];
    const depth = Math.min(Number(level[2]), stack.length + 1),
      name = ordered ? "ol" : "ul";
    stack = stack.slice(0, depth);
    if (stack.length < depth || stack[depth - 1].localName !== name) {
      const made = page.createElement(name);
      if (depth > 1) (stack[depth - 2].lastElementChild || stack[depth - 2]).append(made);
      else line.before(made);
      stack = [...stack.slice(0, depth - 1), made];
    }
    const item = page.createElement("li");
    item.append(...line.childNodes);
    stack[depth - 1].append(item);
    line.remove();
  }
}

const BOLD = "b, strong",
  ITALIC = "i, em",
  STRUCK = "s, del, strike";
/** @type {[string, string, RegExp][]} */
const OF_STYLE = [
  [
    "strong",
    BOLD,
    /(?<![\w-])font-weight:\s*(?:(bold|bolder|[6-9]\d\d)|normal|lighter|[1-5]\d\d)\b/i,
  ],
  ["em", ITALIC, /(?<![\w-])font-style:\s*(?:(italic|oblique)|normal)\b/i],
];

/**
 * Bold, italic and struck words, as the innermost style or tag around them says: programs write
 * them as styles of spans, of paragraphs, and undo a tag by a style (Google wraps all in a <b> that
 * is not bold). Headings are bold by themselves.
 *
 * @param {Document} page
 * @param {HTMLElement} body
 */
function marksOfStyles(page, body) {
  for (const text of textsOf(page, body)) {
    /** @type {Element[]} */
    const around = [];
    for (let node = text.parentElement; node && node !== body; node = node.parentElement)
      around.push(node);
    const names = OF_STYLE.filter(([name, tags, pattern]) => {
      if (name === "strong" && around.some((node) => /^h[1-6]$/.test(node.localName))) return false;
      for (const node of around) {
        const styled = pattern.exec(styleOf(node));
        if (styled) return Boolean(styled[1]);
        if (node.matches(tags)) return true;
      }
      return false;
    }).map(([name]) => name);
    if (
      around.some(
        (node) =>
          node.matches(STRUCK) ||
          /text-decoration(?:-line)?:[^;]*line-through/i.test(styleOf(node)),
      )
    )
      names.push("s");
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
