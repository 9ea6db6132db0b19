/**
 * What can be taken back, kept in its tab while the page is loaded anew: the steps back, and the
 * document from which they lead. Nothing of it is used where the draft says something else now.
 */
import { closeHistory, undo } from "prosemirror-history";
import { Node as DocNode } from "prosemirror-model";
import { Step } from "prosemirror-transform";
import { toDocument, toIssue } from "./issue.js";
import { desk } from "./page.js";
import { schema } from "./schema.js";
/** @import { EditorState, Transaction } from "prosemirror-state" */
/** @import { Issue } from "./types.js" */

const KEY = `past/${desk.dataset.account}${desk.dataset.here}`;
/* So many changes can be taken back after a page was loaded, of so many characters; a tab has 5 MB
   for all that its site keeps. */
const MOST = 50,
  LONGEST = 1_000_000;

/** @typedef {{ doc: object, back: object[][] }} Past */

/** The changes that can be taken back, the last first. @param {EditorState} state */
function stepsBack(state) {
  /** @type {object[][]} */
  const back = [];
  /** @type {Transaction | null} */
  let taken = null;
  const take = () => {
    taken = null;
    undo(state, (tr) => {
      taken = tr;
    });
    return /** @type {Transaction | null} */ (taken);
  };
  for (let tr = take(); tr && back.length < MOST; tr = take()) {
    state = state.apply(tr);
    // A rule of the document changed more than was taken back.
    if (!state.doc.eq(tr.doc)) break;
    if (tr.steps.length) back.push(tr.steps.map((step) => step.toJSON()));
  }
  return back;
}

/** Keep what can be taken back for when this page is loaded again. @param {EditorState} state */
export function keepPast(state) {
  try {
    /** @type {Past} */
    const past = { doc: state.doc.toJSON(), back: stepsBack(state) };
    const isOurs = localStorage.getItem("signed-in") === desk.dataset.account;
    let text = JSON.stringify(past);
    while (text.length > LONGEST && past.back.length) {
      past.back.length = Math.floor(past.back.length / 2);
      text = JSON.stringify(past);
    }
    if (isOurs && past.back.length) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch {
    /* No room, or none that this page may use. */
  }
}

/**
 * The document of an issue, with the changes that led to it where this tab has them.
 *
 * @param {Issue} issue
 * @returns {{ doc: DocNode, ahead: Step[][] }} what it began as, and each change since
 */
export function readPast(issue) {
  const now = toDocument(issue);
  try {
    /** @type {Past | null} */
    const past = JSON.parse(sessionStorage.getItem(KEY) || "null");
    if (!past) return { doc: now, ahead: [] };
    let doc = DocNode.fromJSON(schema, past.doc);
    doc.check();
    if (JSON.stringify(toIssue(doc)) !== JSON.stringify(toIssue(now)))
      return { doc: now, ahead: [] };
    /** @type {Step[][]} */
    const ahead = [];
    for (const steps of past.back) {
      /** @type {Step[]} */
      const change = [];
      for (const json of steps) {
        const step = Step.fromJSON(schema, json),
          { doc: before } = step.apply(doc);
        if (!before) throw new RangeError("This step is of another document.");
        change.unshift(step.invert(doc));
        doc = before;
      }
      ahead.unshift(change);
    }
    doc.check();
    return { doc, ahead };
  } catch {
    return { doc: now, ahead: [] };
  }
}

/**
 * Make the changes again, each to be taken back by itself.
 *
 * @param {EditorState} state
 * @param {Step[][]} ahead
 */
export function goAhead(state, ahead) {
  for (const steps of ahead) {
    const tr = closeHistory(state.tr).setMeta("given", true);
    steps.forEach((step) => tr.step(step));
    state = state.apply(tr);
  }
  return state;
}
