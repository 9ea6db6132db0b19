/** Markdown's signs as they are typed; none acts amid the composition of an input method. */
import {
  InputRule,
  inputRules,
  textblockTypeInputRule,
  wrappingInputRule,
} from "prosemirror-inputrules";
import { Selection } from "prosemirror-state";
import { typedAddress } from "./addresses.js";
import { addressOf } from "./dialogs.js";
import { schema } from "./schema.js";
/** @import { Attrs, MarkType, NodeType } from "prosemirror-model" */

const { nodes, marks } = schema;
const SPACE = "[ \\u3000]";
/** @param {number} count @param {NodeType} type @param {Attrs | null} [attrs] */
const heading = (count, type, attrs = null) =>
  textblockTypeInputRule(new RegExp(`^[#＃]{${count}}${SPACE}$`), type, attrs);

/**
 * Signs on both sides of words become a mark of the words; the last sign is not in the text yet.
 *
 * @param {string} sign
 * @param {RegExp} pattern
 * @param {MarkType} type
 */
function marked(sign, pattern, type) {
  return new InputRule(pattern, (state, match, start, end) => {
    const words = match[1],
      side = sign.length;
    if (!words.trim() || !state.doc.resolve(start).parent.type.allowsMarkType(type)) return null;
    const inserted = match[0].length - (end - start),
      closing = side - inserted;
    const from = end - closing - words.length - side;
    if (state.doc.textBetween(from + side, from + side + words.length, "\n", "\ufffc") !== words)
      return null;
    const tr = state.tr.delete(from + side + words.length, end).delete(from, from + side);
    return tr.addMark(from, from + words.length, type.create()).removeStoredMark(type);
  });
}

const link = new InputRule(/\[([^\]\n]+)\]\(([^()\s]+)\)$/, (state, match, start, end) => {
  const url = addressOf(match[2]);
  if (!url || !state.doc.resolve(start).parent.type.allowsMarkType(marks.anchor)) return null;
  const mark = marks.anchor.create({ url });
  return state.tr
    .replaceWith(start, end, schema.text(match[1], [mark]))
    .removeStoredMark(marks.anchor);
});

const rule = new InputRule(/^(?:---|\*\*\*|ーーー|―――)$/, (state, _match, start, end) => {
  const $start = state.doc.resolve(start);
  if ($start.parent.type !== nodes.paragraph || end < $start.end()) return null;
  const tr = state.tr.replaceWith($start.before(), $start.after(), [
    nodes.rule.create(),
    nodes.paragraph.create(),
  ]);
  return tr.setSelection(Selection.near(tr.doc.resolve($start.before() + 2)));
});

export const markdownSigns = () =>
  inputRules({
    rules: [
      heading(1, nodes.chapter),
      heading(2, nodes.section),
      heading(3, nodes.item),
      heading(4, nodes.heading, { level: 4 }),
      wrappingInputRule(new RegExp(`^[-*+]${SPACE}$`), nodes.bullet_list),
      wrappingInputRule(
        new RegExp(`^(\\d{1,4})[.)．]${SPACE}$`),
        nodes.ordered_list,
        (match) => ({ start: Number(match[1]) }),
        (match, node) => node.childCount + node.attrs.start === Number(match[1]),
      ),
      wrappingInputRule(new RegExp(`^[>＞]${SPACE}$`), nodes.quotation),
      textblockTypeInputRule(/^```$/, nodes.verbatim),
      rule,
      link,
      typedAddress,
      marked("**", /\*\*([^*\s](?:[^*]*[^*\s])?)\*\*$/, marks.strong),
      marked("*", /(?<![*])\*([^*\s](?:[^*]*[^*\s])?)\*$/, marks.emphasis),
      marked("~~", /~~([^~\s](?:[^~]*[^~\s])?)~~$/, marks.strikethrough),
      marked("`", /`([^`]+)`$/, marks.code),
    ],
  });
