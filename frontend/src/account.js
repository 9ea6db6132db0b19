/** What a clipboard holds against what came in of it: its words, links and pictures. */
import { textOf } from "./inline.js";
import { say } from "./page.js";
/** @import { Fragment } from "prosemirror-model" */
/** @import { Run } from "./types.js" */

/**
 * Letters as they count: without spaces, and however they are written (² is 2).
 *
 * @param {string} text
 */
const lettersOf = (text) => text.normalize("NFKC").replace(/\s/g, "");

/** How often each letter comes. @returns {Map<string, number>} @param {string} text */
function counted(text) {
  const found = new Map();
  for (const letter of lettersOf(text)) found.set(letter, (found.get(letter) || 0) + 1);
  return found;
}

/**
 * What one clipboard brings, counted before it is cleaned.
 *
 * What the cleaning changes or leaves out knowingly it says by `lose`; what becomes a form instead
 * of words (the sign of a list, the mark of a note) by `become`. Everything else has to be found in
 * what was read, or it is lost.
 */
export class Account {
  /** @param {HTMLElement} body */
  constructor(body) {
    this.letters = counted(body.textContent);
    /** @type {{url: string, words: string}[]} */
    this.links = [];
    this.pictures = 0;
    /** What pictures show that cannot be fetched. @type {string[]} */
    this.unseen = [];
    /** @type {Map<string, number>} */
    this.losses = new Map();
  }

  /** @param {string} kind @param {number} [count] */
  lose(kind, count = 1) {
    if (count) this.losses.set(kind, (this.losses.get(kind) || 0) + count);
  }

  /** Words that the issue says by its form. @param {string} text */
  become(text) {
    for (const [letter, count] of counted(text))
      this.letters.set(letter, (this.letters.get(letter) || 0) - count);
  }

  /**
   * Sentences that say what did not come in, or came otherwise.
   *
   * @param {Fragment} content
   * @returns {string[]}
   */
  settle(content) {
    const found = contentOf(content);
    /** @type {Map<string, { count: number, words?: string }>} */
    const values = new Map([...this.losses].map(([kind, count]) => [kind, { count }]));
    const links = this.links.filter(({ url }) => !found.urls.has(url));
    if (links.length)
      values.set("link", { count: links.length, words: listed(links.map(({ words }) => words)) });
    const pictures = this.pictures - found.pictures;
    if (pictures > 0)
      values.set(this.unseen.length ? "pictureNamed" : "picture", {
        count: pictures,
        words: listed(this.unseen),
      });
    const here = counted(found.text);
    let missing = 0;
    for (const [letter, count] of this.letters)
      missing += Math.max(0, count - (here.get(letter) || 0));
    if (missing) values.set("text", { count: missing });
    return [...values].map(([kind, given]) => say(`lost.${kind}`, given));
  }
}

/** The first of what was left out, in words. @param {string[]} all */
const listed = (all) =>
  all
    .slice(0, 3)
    .map((words) => words.slice(0, 20))
    .join(say("listComma")) + (all.length > 3 ? "…" : "");
/** @param {Run[]} runs @returns {string[]} */
const urlsOf = (runs) =>
  runs.flatMap((run) =>
    "content" in run ? [...(run.kind === "anchor" ? [run.url] : []), ...urlsOf(run.content)] : [],
  );

/**
 * The words, addresses and pictures of some nodes; a footnote's are its own.
 *
 * @param {Fragment} content
 */
function contentOf(content) {
  const urls = new Set();
  let text = "",
    pictures = 0;
  content.descendants((node) => {
    if (node.isText) text += node.text;
    node.marks.forEach((mark) => urls.add(mark.attrs.url));
    if (node.attrs.url) urls.add(node.attrs.url);
    if (node.type.name === "picture") pictures += 1;
    if (node.type.name === "footnote") {
      text += textOf(node.attrs.content);
      urlsOf(node.attrs.content).forEach((url) => urls.add(url));
    }
    return true;
  });
  return { text, urls, pictures };
}
