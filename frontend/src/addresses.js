/**
 * Addresses that are typed or pasted as text become links, by the rules that Markdown is read by.
 */
import { InputRule } from "prosemirror-inputrules";
import { Plugin } from "prosemirror-state";
import { schema } from "./schema.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { Command, Transaction } from "prosemirror-state" */

const LABEL = "[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?",
  DOMAIN = `(?:${LABEL}\\.)+[a-z][a-z0-9-]*[a-z0-9]`;
/** Letters beyond ASCII of scripts that part words by blanks, as browsers show and copy them. */
const LETTERS =
  "\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u024f\\u0370-\\u037d\\u037f-\\u0386\\u0388-\\u0556" +
  "\\u0561-\\u0587\\u05d0-\\u05ea\\u0620-\\u0669\\u066e-\\u06d3\\u0904-\\u0963\\u0966-\\u0dff" +
  "\\u10a0-\\u10ff\\u1e00-\\u1fff";
/** In brackets a name of a list, as forms write it: `?label[]=bug&filter[age]=5`. */
const REST =
  `(?:[a-z0-9._~:/?#@!$&'()*+,;=%${LETTERS}-]` +
  "|(?<=[a-z0-9_\\]])\\[[a-z0-9_.-]{0,40}\\](?=[=&[]))*";
const URL_ = `https?://(?:${LABEL}\\.)+${LABEL}(?::[0-9]+)?(?:[/?#]${REST})?`;
const EITHER = `(?<![a-z0-9._%+-])(?:${URL_}|[a-z0-9][a-z0-9._%+-]{0,63}@${DOMAIN})`;
const ANY = new RegExp(EITHER, "gi"),
  LAST = new RegExp(`${EITHER}$`, "i");
/** What ends an address as it is typed: a space, or what an input method writes. */
const ENDED = new RegExp(`(${EITHER})(?: |(?![${LETTERS}])[^\\x00-\\x7f\\ufffc]{1,30})$`, "i");

/**
 * Signs that end a sentence, and a bracket that the address does not open, are not part of it.
 *
 * @param {string} found
 */
function trimmed(found) {
  let url = found,
    shorter;
  for (;;) {
    shorter = url.replace(/[?!.,:;*_~']+$/, "");
    if (shorter.endsWith(")") && shorter.split(")").length > shorter.split("(").length)
      shorter = shorter.slice(0, -1);
    if (shorter === url) return url;
    url = shorter;
  }
}
/** As Markdown's reader writes an address. @param {string} url */
const encoded = (url) => url.replace(/[^!-~]+|[[\]]/g, encodeURIComponent);
/** @param {string} words */
const markOf = (words) =>
  schema.marks.anchor.create({
    url: /^https?:/i.test(words) ? encoded(words) : `mailto:${words}`,
  });
/** @param {DocNode} node @param {DocNode | null} parent */
const isOpen = (node, parent) =>
  node.isText &&
  parent !== null &&
  parent.type.allowsMarkType(schema.marks.anchor) &&
  !node.marks.some((mark) => [schema.marks.anchor, schema.marks.code].includes(mark.type));

/**
 * Link some words of the text, unless they are a link, or code.
 *
 * @param {Transaction} tr
 * @param {number} from
 * @param {string} words
 */
function link(tr, from, words) {
  const to = from + words.length;
  let open = true;
  tr.doc.nodesBetween(from, to, (node, _pos, parent) => {
    open = open && (!node.isInline || isOpen(node, parent));
  });
  return open && words
    ? tr.addMark(from, to, markOf(words)).removeStoredMark(schema.marks.anchor)
    : tr;
}

/** As soon as it is plain where a typed address ends. */
export const typedAddress = new InputRule(ENDED, (state, match, start, end) => {
  if (!state.selection.empty) return null;
  const words = trimmed(match[1]),
    ending = match[0].slice(end - start);
  const tr = ending ? state.tr.insertText(ending, end) : state.tr;
  const steps = tr.steps.length;
  return link(tr, start, words).steps.length > steps ? tr : null;
});

/** At the end of a line, too; the key goes on to what else it does. @type {Command} */
export function addressBefore(state, dispatch) {
  const { $from, empty } = state.selection;
  const found =
    empty &&
    LAST.exec(
      $from.parent.textBetween(
        Math.max(0, $from.parentOffset - 2000),
        $from.parentOffset,
        "\n",
        "\ufffc",
      ),
    );
  if (!found || !dispatch) return false;
  const tr = link(state.tr, $from.pos - found[0].length, trimmed(found[0]));
  if (tr.docChanged) dispatch(tr);
  return false;
}

/** Those in what is pasted. */
export function pastedAddresses() {
  return new Plugin({
    appendTransaction(transactions, _before, state) {
      const at = transactions.findIndex(
        (tr) => tr.docChanged && ["paste", "drop"].includes(tr.getMeta("uiEvent")),
      );
      if (at < 0) return null;
      const maps = transactions.slice(at).flatMap((tr) => tr.mapping.maps),
        tr = state.tr;
      maps.forEach((map, index) =>
        map.forEach((_from, _to, start, stop) => {
          const [from, to] = [start, stop].map((pos, side) =>
            maps.slice(index + 1).reduce((moved, each) => each.map(moved, side ? 1 : -1), pos),
          );
          state.doc.nodesBetween(from, to, (node, pos, parent) => {
            if (!isOpen(node, parent)) return;
            for (const found of (node.text || "").matchAll(ANY)) {
              const begin = pos + found.index,
                words = trimmed(found[0]);
              if (begin >= from && begin + words.length <= to)
                tr.addMark(begin, begin + words.length, markOf(words));
            }
          });
        }),
      );
      return tr.docChanged ? tr : null;
    },
  });
}
