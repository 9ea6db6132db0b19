/**
 * Footnotes of Word, Google and web pages: a mark in the text leads to a note, and the note back to
 * it.
 *
 * Each becomes `x-footnote` where its mark stands, with the words of the note in it.
 */
/** @import { Account } from "./account.js" */

/** @param {Element} link */
const fragmentOf = (link) => {
  const url = link.getAttribute("href") || "";
  return url.startsWith("#") ? decode(url.slice(1)) : "";
};
/** @param {string} name */
const decode = (name) => {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
};
const NOTE = "li, p, dd, dt, div, td, aside";

const COMMENTS =
  ".msocomtxt, [data-style*='mso-element:comment-list'], [data-style*='mso-element: comment-list']";
const ANCHORS =
  ".MsoCommentReference, .msocomanchor, [data-style*='mso-special-character:comment']";

/**
 * Leave out what a text's editors wrote to each other: Word's comments, and what its changes
 * deleted.
 *
 * @param {Element} body @param {Account} account
 * @param {boolean} isWord a page's own deletions are shown on it, and stay struck
 */
export function leaveEditing(body, account, isWord) {
  account.lose("comment", body.querySelectorAll(".msocomtxt").length);
  /** @param {string} selector */
  const leave = (selector) =>
    body.querySelectorAll(selector).forEach((each) => {
      if (!each.isConnected) return;
      account.become(each.textContent);
      each.remove();
    });
  leave(`${COMMENTS}, ${ANCHORS}`);
  const deleted = isWord ? ".msoDel, del[cite], del[datetime]" : ".msoDel";
  account.lose(
    "deleted",
    [...body.querySelectorAll(deleted)].filter(
      (each) => !each.parentElement?.closest(deleted) && each.textContent.trim(),
    ).length,
  );
  leave(deleted);
}

/** @param {Document} page @param {Element} body @param {Account} account */
export function takeFootnotes(page, body, account) {
  /** @type {Map<string, Element>} */
  const named = new Map();
  body.querySelectorAll("[id], [name]").forEach((each) =>
    [each.id, each.getAttribute("name")].forEach((name) => {
      if (name && !named.has(name)) named.set(name, each);
    }),
  );
  const links = [...body.querySelectorAll('a[href^="#"]')];
  /**
   * The note of each mark, and the links in it that lead back.
   *
   * @type {Map<Element, { note: Element, back: Element[] }>}
   */
  const backs = new Map();
  /** @param {Element} link @param {Element | undefined} target */
  const near = (link, target) =>
    target !== undefined &&
    (target === link ||
      (target.contains(link) && target.textContent.trim() === link.textContent.trim()) ||
      link.contains(target) ||
      link.previousElementSibling === target);
  for (const link of links) {
    const target = named.get(fragmentOf(link)),
      note = target && target.closest(NOTE);
    if (!note || note.contains(link)) continue;
    const back = links.filter(
      (each) => note.contains(each) && near(link, named.get(fragmentOf(each))),
    );
    const isAfter = Boolean(link.compareDocumentPosition(note) & Node.DOCUMENT_POSITION_FOLLOWING);
    if (back.length && isAfter) backs.set(link, { note, back });
  }
  /** @param {Element} node */
  const drop = (node) => {
    account.become(node.textContent);
    node.remove();
  };
  for (const { note, back } of backs.values())
    back.forEach((each) => {
      if (each.isConnected) drop(outermost(each, note));
    });
  const notes = new Set([...backs.values()].map(({ note }) => note));
  // A note that several marks share has a sign of its own before the ways back.
  notes.forEach((note) => {
    const [first] = textsOf(page, note),
      sign = first && /^\s*[\^↑]/.exec(first.data);
    if (!sign) return;
    account.become(sign[0]);
    first.data = first.data.slice(sign[0].length);
  });
  for (const [link, { note }] of backs) {
    const mark = outermost(link, link.closest(NOTE)),
      made = page.createElement("x-footnote");
    made.append(...[...note.childNodes].map((each) => each.cloneNode(true)));
    account.become(mark.textContent);
    mark.replaceWith(made);
  }
  notes.forEach((note) => removeWithEmpty(note, body));
}

/**
 * The texts in an element that are more than spaces.
 *
 * @param {Document} page
 * @param {Element} node
 */
export function textsOf(page, node) {
  const walker = page.createTreeWalker(node, NodeFilter.SHOW_TEXT),
    found = [];
  while (walker.nextNode()) found.push(/** @type {Text} */ (walker.currentNode));
  return found.filter(({ data }) => data.trim());
}

/**
 * The element around a mark that holds nothing else.
 *
 * @param {Element} link
 * @param {Element | null} end
 */
function outermost(link, end) {
  let node = link;
  while (
    node.parentElement &&
    node.parentElement !== end &&
    node.parentElement.textContent.trim() === node.textContent.trim() &&
    /^(?:a|sup|span|b|strong|small|font|cite|i|em)$/.test(node.parentElement.localName)
  )
    node = node.parentElement;
  return node;
}

/**
 * Remove a note, and what held nothing but notes: their list, the rule above them.
 *
 * @param {Element} note
 * @param {Element} body
 */
function removeWithEmpty(note, body) {
  let node = note;
  while (
    node.parentElement &&
    node.parentElement !== body &&
    node.parentElement.textContent.trim() === node.textContent.trim() &&
    !node.parentElement.querySelector("img")
  )
    node = node.parentElement;
  const before = node.previousElementSibling;
  if (before && before.localName === "hr" && !node.nextElementSibling) before.remove();
  node.remove();
}
