/**
 * Forms of web pages and documents that a mail says otherwise: folded parts, buttons, checklists.
 */

const BLOCK =
  /^(?:article|aside|blockquote|div|dl|figure|footer|form|h[1-6]|header|hr|main|nav|ol|p|pre|section|table|td|th|ul)$/;

/**
 * Google's checklists: a picture of a box in front of each item, said for screen readers.
 *
 * @param {HTMLElement} body
 */
export function checklists(body) {
  body.querySelectorAll("li[role=checkbox]").forEach((item) => {
    item
      .querySelectorAll("img[aria-roledescription], :scope > img")
      .forEach((each) => each.remove());
    const held = item.querySelector("p") || item;
    held.prepend(item.getAttribute("aria-checked") === "true" ? "☑ " : "☐ ");
  });
}

/**
 * The box of a task becomes a sign before its words: in a list, or, as Notion has it, alone in a
 * row of its own. Boxes of forms that are filled in are none, nor several in one row.
 *
 * @returns {boolean} whether it was one.
 * @param {Element} node
 */
export function takeTask(node) {
  const body = node.ownerDocument.body,
    sign = node.hasAttribute("checked") ? "☑ " : "☐ ";
  if (node.closest("li")) {
    node.replaceWith(sign);
    return true;
  }
  let part = node;
  while (
    part.parentElement &&
    part.parentElement !== body &&
    !part.parentElement.textContent.trim()
  )
    part = part.parentElement;
  const row = part.parentElement;
  if (
    !row ||
    row === body ||
    node.closest("form, label, td, th") ||
    row.querySelectorAll("input").length > 1
  )
    return false;
  part.remove();
  let held = row;
  for (;;) {
    const [spoken, ...others] = [...held.childNodes].filter((each) =>
      (each.textContent || "").trim(),
    );
    if (others.length || !(spoken instanceof HTMLElement) || !BLOCK.test(spoken.localName)) break;
    held = spoken;
  }
  held.prepend(sign);
  return true;
}

/**
 * A part that is folded on a page stands open below its summary.
 *
 * @param {Document} page
 * @param {HTMLElement} body
 */
export function foldedParts(page, body) {
  body.querySelectorAll("summary").forEach((summary) => {
    if (summary.querySelector("h1, h2, h3, h4, h5, h6")) {
      summary.replaceWith(...summary.childNodes);
      return;
    }
    const made = page.createElement("h4");
    made.append(...summary.childNodes);
    summary.replaceWith(made);
  });
  [...body.querySelectorAll("details")].reverse().forEach((details) => {
    const made = page.createElement("div");
    made.append(...details.childNodes);
    details.replaceWith(made);
  });
}

const FILLED = /(?<![\w-])background(?:-color)?:\s*(?!transparent|none|inherit|initial)/i;

/**
 * Links that look like buttons and stand by themselves are buttons; amid text they stay links.
 *
 * @param {Document} page
 * @param {HTMLElement} body
 * @param {(node: Element) => string} styleOf
 */
export function buttons(page, body, styleOf) {
  /** @param {Element} link */
  const isButton = (link) => {
    const cell = link.closest("td"),
      isCell = cell && cell.textContent.trim() === link.textContent.trim();
    return (
      link.getAttribute("role") === "button" ||
      /(?:^|[\s_-])(?:btn|button)(?:$|[\s_-])/i.test(link.className) ||
      Boolean(link.querySelector("button")) ||
      (FILLED.test(styleOf(link)) && /padding/i.test(styleOf(link))) ||
      Boolean(isCell && (cell.hasAttribute("bgcolor") || FILLED.test(styleOf(cell))))
    );
  };
  body.querySelectorAll("a[href]").forEach((link) => {
    const words = link.textContent.trim();
    if (
      !words ||
      link.querySelector("img") ||
      link.closest("li, x-footnote, h1, h2, h3, h4, h5, h6") ||
      !isButton(link)
    )
      return;
    let top = link;
    while (
      top.parentElement &&
      top.parentElement !== body &&
      top.parentElement.textContent.trim() === words &&
      !/^t[dhr]$/.test(top.parentElement.localName)
    )
      top = top.parentElement;
    if (!isAlone(top)) return;
    const made = page.createElement("x-button");
    made.setAttribute("href", link.getAttribute("href") || "");
    made.append(words.replace(/\s+/g, " "));
    top.replaceWith(made);
  });
}

/** Whether no text runs on before or behind an element. @param {Element} node */
function isAlone(node) {
  if (BLOCK.test(node.localName)) return true;
  /** @param {"previousSibling" | "nextSibling"} way */
  const ends = (way) => {
    let next = node[way];
    while (next && next.nodeType !== Node.ELEMENT_NODE && !(next.textContent || "").trim())
      next = next[way];
    return (
      !next ||
      (next instanceof Element &&
        (BLOCK.test(next.localName) || ["br", "x-button", "a"].includes(next.localName)))
    );
  };
  return ends("previousSibling") && ends("nextSibling");
}
