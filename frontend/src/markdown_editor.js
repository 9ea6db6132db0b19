/**
 * The Markdown of the issue, in an editor that knows its signs and shows findings at their lines.
 */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import {
  HighlightStyle,
  Language,
  defineLanguageFacet,
  syntaxHighlighting,
} from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { GFM, parser } from "@lezer/markdown";
import { codeLook } from "./code_look.js";
import { element } from "./page.js";
/** @import { LineFinding, Severity } from "./types.js" */

const language = new Language(defineLanguageFacet(), parser.configure([GFM]), [], "markdown");
const signs = HighlightStyle.define([
  { tag: tags.heading, fontWeight: "700", color: "var(--brand)" },
  { tag: tags.strong, fontWeight: "700" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through" },
  { tag: [tags.link, tags.url], color: "var(--link)" },
  {
    tag: [tags.processingInstruction, tags.contentSeparator, tags.labelName],
    color: "var(--quiet)",
  },
  { tag: tags.monospace, fontFamily: "var(--mono)" },
  { tag: tags.comment, color: "var(--quiet)" },
  { tag: tags.quote, color: "var(--quiet)" },
]);
const look = EditorView.theme({
  "&": {
    fontSize: "var(--type-m)",
    minHeight: "32rem",
    maxHeight: "calc(100vh - 9rem)",
  },
  ".cm-scroller": { lineHeight: "1.7" },
  ".cm-content": { padding: "var(--space-3) 0" },
});

/**
 * What the editor calls what a finding may be.
 *
 * @type {Record<Severity, "error" | "warning" | "info">}
 */
const SEVERITIES = { error: "error", warning: "warning", hint: "info" };

/**
 * Open the editor in place of the page's box, which stays the form's field. It stands in a shadow
 * tree, where its styles come as adopted sheets: the page's policy admits no other.
 *
 * @param {HTMLTextAreaElement} box
 * @param {() => void} changed
 */
export function editMarkdown(box, changed) {
  const label = document.querySelector(`label[for="${box.id}"]`);
  const host = element("div", { class: "markdown-editor" }),
    root = host.attachShadow({ mode: "open" });
  let given = false;
  /** @param {string} text */
  const stateOf = (text) =>
    EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        lintGutter(),
        language,
        syntaxHighlighting(signs),
        codeLook,
        look,
        EditorView.lineWrapping,
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.contentAttributes.of({
          "aria-label": label ? label.textContent : "Markdown",
          spellcheck: "true",
          tabindex: "0",
        }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          box.value = update.state.doc.toString();
          if (!given) changed();
        }),
      ],
    });
  const view = new EditorView({ state: stateOf(box.value), root });
  root.append(view.dom);
  box.after(host);
  box.hidden = true;
  box.tabIndex = -1;
  box.setAttribute("aria-hidden", "true");
  return {
    /** Take a text that was made elsewhere; its history begins with it. @param {string} text */
    set(text) {
      if (text === view.state.doc.toString()) return;
      given = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      given = false;
    },
    busy: () => view.composing,
    /** @param {number} number */
    goToLine(number) {
      const line = view.state.doc.line(Math.min(Math.max(1, number), view.state.doc.lines));
      view.dispatch({
        selection: { anchor: line.from, head: line.to },
        effects: EditorView.scrollIntoView(line.from, { y: "center" }),
      });
      view.focus();
    },
    /** Mark what the findings are about. @param {LineFinding[]} found */
    mark(found) {
      const marks = found
        .filter(({ line }) => line >= 1 && line <= view.state.doc.lines)
        .map(({ line, severity, sentence }) => {
          const { from, to } = view.state.doc.line(line);
          return {
            from,
            to: Math.max(from, to),
            severity: SEVERITIES[severity],
            message: sentence,
          };
        });
      if (!view.composing) view.dispatch(setDiagnostics(view.state, marks));
    },
  };
}
