/**
 * A newsletter's own template: its code in editors that know tags, tried on the last issue as it is
 * typed.
 */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { xml } from "@codemirror/lang-xml";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import {
  Decoration,
  EditorView,
  MatchDecorator,
  ViewPlugin,
  drawSelection,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { codeLook } from "./code_look.js";
import { byId, debounce, element, fieldsOf, redraw, tellSignedOut } from "./page.js";

const form = /** @type {HTMLFormElement} */ (document.getElementById("template"));
const frame = /** @type {HTMLIFrameElement} */ (document.getElementById("preview"));
const tried = byId("tried"),
  state = byId("template-state");
const signs = HighlightStyle.define([
  { tag: tags.tagName, color: "var(--brand)", fontWeight: "600" },
  { tag: tags.attributeName, color: "var(--warn)" },
  { tag: tags.attributeValue, color: "var(--good)" },
  { tag: [tags.comment, tags.angleBracket], color: "var(--quiet)" },
]);
const look = EditorView.theme({
  "&": {
    fontSize: "var(--type-s)",
    maxHeight: "calc(100vh - 12rem)",
    minHeight: "16rem",
  },
  ".cm-scroller": { lineHeight: "1.65" },
  ".cm-content": { padding: "var(--space-2) 0" },
  ".cm-jinja": { backgroundColor: "var(--brand-soft)", borderRadius: "3px" },
});
const matcher = new MatchDecorator({
  regexp: /\{(?:\{[^\n]*?\}|%[^\n]*?%|#[^\n]*?#)\}/g,
  decoration: Decoration.mark({ class: "cm-jinja" }),
});
const jinja = ViewPlugin.define(
  (view) => ({
    marks: matcher.createDeco(view),
    update(update) {
      this.marks = matcher.updateDeco(update, this.marks);
    },
  }),
  { decorations: (plugin) => plugin.marks },
);

/**
 * The editors, by the names of their files.
 *
 * @type {Map<string, { view: EditorView, box: HTMLTextAreaElement }>}
 */
const editors = new Map();
/**
 * Open an editor in place of a box, which stays the form's field; in a shadow tree, for the page's
 * policy.
 *
 * @param {HTMLTextAreaElement} box
 */
function open(box) {
  const label = document.querySelector(`label[for="${box.id}"]`);
  const host = element("div", { class: "code-editor" }),
    root = host.attachShadow({ mode: "open" });
  const view = new EditorView({
    root,
    state: EditorState.create({
      doc: box.value,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        lintGutter(),
        bracketMatching(),
        box.dataset.code === "xml" ? xml() : [],
        syntaxHighlighting(signs),
        jinja,
        codeLook,
        look,
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.contentAttributes.of({
          "aria-label": label?.textContent || "",
          spellcheck: "false",
          tabindex: "0",
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            box.value = update.state.doc.toString();
            changed();
          }
        }),
      ],
    }),
  });
  root.append(view.dom);
  box.after(host);
  box.hidden = true;
  box.required = false;
  editors.set(String(box.dataset.file), { view, box });
}

/** @param {string} file @param {number} number */
function goTo(file, number) {
  const editor = editors.get(file) || editors.get("body.mjml.j2");
  if (!editor) return;
  const closed = editor.box.closest("details");
  if (closed) closed.open = true;
  const { doc } = editor.view.state,
    line = doc.line(Math.min(Math.max(1, number), doc.lines));
  editor.view.dispatch({
    selection: { anchor: line.from, head: line.to },
    effects: EditorView.scrollIntoView(line.from, { y: "center" }),
  });
  editor.view.focus();
}

/** @param {string} file @param {number} number @param {string} message */
function mark(file, number, message) {
  for (const [name, { view }] of editors) {
    const { doc } = view.state,
      line = name === file && number >= 1 && number <= doc.lines ? doc.line(number) : null;
    view.dispatch(
      setDiagnostics(
        view.state,
        line
          ? [{ from: line.from, to: Math.max(line.from, line.to), severity: "error", message }]
          : [],
      ),
    );
  }
}

let asked = 0;
async function tryOut() {
  const mine = (asked += 1);
  const answer = await fetch(String(form.dataset.try), {
    method: "POST",
    body: fieldsOf(form),
    headers: { Accept: "application/json" },
  }).catch(() => null);
  if (mine !== asked) return;
  tellSignedOut(answer);
  const reply = answer && answer.ok ? await answer.json().catch(() => null) : null;
  tried.classList.toggle("bad", !reply || Boolean(reply.fault));
  if (!reply) {
    tried.textContent = form.dataset.offline || "";
    return;
  }
  if (reply.fault) {
    tried.textContent = reply.fault;
    mark(reply.file, reply.line || 0, reply.fault);
    if (reply.line && editors.has(reply.file))
      tried.append(
        " ",
        element(
          "button",
          { type: "button", class: "second small", onclick: () => goTo(reply.file, reply.line) },
          String(form.dataset.line).replace("{number}", reply.line),
        ),
      );
    return;
  }
  mark("", 0, "");
  tried.textContent = form.dataset.well || "";
  if (frame.contentDocument) redraw(frame.contentDocument, reply.html);
}
const soon = debounce(500, tryOut);
let unsaved = "changed" in form.dataset,
  leaving = false;
const show = () => {
  state.textContent = (unsaved && form.dataset.unsaved) || "";
};
function changed() {
  unsaved = true;
  show();
  soon();
}

/** @type {NodeListOf<HTMLTextAreaElement>} */ (
  document.querySelectorAll("textarea[data-code]")
).forEach((each) => open(each));
form.addEventListener("input", (event) => {
  if (event.target instanceof HTMLInputElement) changed();
});
form.addEventListener("submit", () => {
  leaving = true;
});
addEventListener("beforeunload", (event) => {
  if (unsaved && !leaving) event.preventDefault();
});
/** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-go]")).forEach((each) =>
  each.addEventListener("click", () => goTo("body.mjml.j2", Number(each.dataset.go))),
);
document.querySelectorAll(".no-script").forEach((each) => each.remove());
const error = document.getElementById("template-error");
if (error && error.dataset.line)
  mark(error.dataset.file || "", Number(error.dataset.line), error.textContent.trim());
show();
const shown = frame.contentDocument;
if (shown && shown.readyState === "complete" && shown.URL !== "about:blank") tryOut();
else frame.addEventListener("load", tryOut, { once: true });
