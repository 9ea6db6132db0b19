/** The toolbar: one stop for Tab, arrows within; each button says whether it is on. */
import { toggleMark } from "prosemirror-commands";
import { redo, undo } from "prosemirror-history";
import {
  addColumnAfter,
  addRowAfter,
  deleteColumn,
  deleteRow,
  deleteTable,
  isInTable,
} from "prosemirror-tables";
import { addSource, align, become, isIn, toggleList, toggleQuotation } from "./commands.js";
import { chooseReadersHere, isForSome, openLink, rangeOfLink, takesReaders } from "./forms.js";
import { ICONS } from "./icons.js";
import { duplicate, levelOf, move, remove } from "./outline.js";
import { element, icon, say } from "./page.js";
import { choosePicture } from "./pictures.js";
import { schema } from "./schema.js";
import { addField, openBlocks, takesField } from "./slash.js";
import { keepChosen, takesKeeping } from "./snippets.js";
/** @import { MarkType } from "prosemirror-model" */
/** @import { Command, EditorState } from "prosemirror-state" */
/** @import { EditorView } from "prosemirror-view" */
/** @import { Act, Ask } from "./types.js" */

const { nodes, marks } = schema;
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
/** @param {string} keys */
const keyWords = (keys) => {
  const words = keys.replace("ArrowUp", "↑").replace("ArrowDown", "↓");
  return isMac ? words.replace("Ctrl+", "⌘").replace("Shift+", "⇧").replace("Alt+", "⌥") : words;
};
/** @param {MarkType} type @returns {Ask} */
const marked = (type) => (state) => {
  const { from, to, empty, $from } = state.selection;
  return empty
    ? Boolean(type.isInSet(state.storedMarks || $from.marks()))
    : state.doc.rangeHasMark(from, to, type);
};
const STYLES = ["paragraph", "chapter", "section", "item", "heading"];
/** @type {Ask} */
const inTable = (state) => isInTable(state);
/** @param {...(Node | string)} inner */
const group = (...inner) => element("span", { class: "tool-group", role: "group" }, ...inner);

/**
 * How a button shows itself: its keys, whether it is on, whether it can be pressed, what it opens,
 * where alone it is there.
 *
 * @typedef {{ keys?: string, on?: Ask, can?: Ask, opens?: string, only?: Ask }} Ways
 */
/** What is shown anew as the caret moves. @typedef {((state: EditorState) => void)[]} Updates */

/**
 * @param {Updates} updates
 * @param {keyof typeof ICONS} name
 * @param {() => void} does
 * @param {Ways} ways
 */
function makeButton(updates, name, does, { keys = "", on, can, opens, only }) {
  const words = say(`tool.${name}`),
    hint = keys ? `${words} (${keyWords(keys)})` : words;
  const made = element(
    "button",
    {
      type: "button",
      class: "tool",
      "aria-label": words,
      title: hint,
      "aria-keyshortcuts": keys ? keys.replace("Ctrl", isMac ? "Meta" : "Control") : undefined,
      "data-opens": opens,
      "aria-haspopup": opens ? "listbox" : undefined,
      "aria-expanded": opens ? "false" : undefined,
      "aria-pressed": on ? "false" : undefined,
      onmousedown: (event) => event.preventDefault(),
      onclick: does,
    },
    icon(ICONS[name]),
  );
  updates.push((state) => {
    if (on) made.setAttribute("aria-pressed", String(on(state)));
    if (can) made.setAttribute("aria-disabled", String(!can(state)));
    if (only) made.hidden = !only(state);
  });
  return made;
}

/**
 * The kind of text that the caret stands in, and what it can be made.
 *
 * @param {Updates} updates
 * @param {(act: Act) => void} withView
 * @param {string[]} styles
 */
function makeStyles(updates, withView, styles) {
  const style = element(
    "select",
    {
      class: "tool-style",
      "aria-label": say("tool.style"),
      onchange: () =>
        withView((view) => {
          become(style.value, style.value === "heading" ? { level: 4 } : null)(
            view.state,
            view.dispatch,
            view,
          );
          view.focus();
        }),
    },
    ...styles.map((name) => element("option", { value: name }, say(`kind.${name}`))),
  );
  updates.push((state) => {
    const name = state.selection.$from.parent.type.name;
    const can = styles.includes(name);
    style.disabled = !can;
    style.value = can ? name : "paragraph";
  });
  return style;
}

/**
 * @param {HTMLElement} bar
 * @param {() => EditorView | null} current the view that the buttons act on, at the time they are
 *   pressed.
 * @param {"issue" | "blocks" | "words"} scope an issue's parts, blocks by themselves, or the words
 *   of one alone
 */
export function fillToolbar(bar, current, scope) {
  /** @type {Updates} */
  const updates = [];
  /** @param {Act} act */
  const withView = (act) => {
    const view = current();
    if (view) act(view);
  };
  /** @param {Act} act */
  const does = (act) => () => withView(act);
  /** @param {Command} command */
  const act = (command) =>
    does((view) => {
      command(view.state, view.dispatch, view);
      view.focus();
    });
  /** @param {keyof typeof ICONS} name @param {() => void} pressed @param {Ways} [ways] */
  const button = (name, pressed, ways = {}) => makeButton(updates, name, pressed, ways);
  const inIssue = scope === "issue",
    withBlocks = scope !== "words";
  const tableTools = element(
    "span",
    { class: "tool-group" },
    button("row", act(addRowAfter), { only: inTable }),
    button("noRow", act(deleteRow), { only: inTable }),
    button("column", act(addColumnAfter), { only: inTable }),
    button("noColumn", act(deleteColumn), { only: inTable }),
    button("left", act(align("left")), { only: inTable }),
    button("center", act(align("center")), { only: inTable }),
    button("right", act(align("right")), { only: inTable }),
    button("noTable", act(deleteTable), { only: inTable }),
  );
  if (withBlocks) updates.push(standAtTable(current, tableTools, bar));
  bar.append(
    withBlocks
      ? group(
          button("add", does(openBlocks), { opens: "slash" }),
          makeStyles(
            updates,
            withView,
            inIssue ? STYLES : STYLES.filter((name) => !levelOf({ type: { name } })),
          ),
        )
      : "",
    group(
      button("strong", act(toggleMark(marks.strong)), { keys: "Ctrl+B", on: marked(marks.strong) }),
      button("emphasis", act(toggleMark(marks.emphasis)), {
        keys: "Ctrl+I",
        on: marked(marks.emphasis),
      }),
      button("strikethrough", act(toggleMark(marks.strikethrough)), {
        keys: "Ctrl+Shift+X",
        on: marked(marks.strikethrough),
      }),
      button("anchor", does(openLink), {
        keys: "Ctrl+K",
        on: (state) => Boolean(rangeOfLink(state)),
      }),
      button(
        "field",
        does((view) => {
          if (takesField(view.state)) addField(view);
        }),
        { can: takesField },
      ),
    ),
    group(
      button("bullets", act(toggleList(nodes.bullet_list)), {
        keys: "Ctrl+Shift+8",
        on: (state) => isIn(state, "bullet_list"),
      }),
      button("numbers", act(toggleList(nodes.ordered_list)), {
        keys: "Ctrl+Shift+7",
        on: (state) => isIn(state, "ordered_list"),
      }),
      button("quotation", act(toggleQuotation), {
        keys: "Ctrl+Shift+9",
        on: (state) => isIn(state, "quotation"),
      }),
      button("source", act(addSource), {
        only: (state) => isIn(state, "quotation") && !isIn(state, "quotation_source"),
      }),
      withBlocks
        ? button(
            "picture",
            does((view) => choosePicture(view)),
          )
        : "",
    ),
    withBlocks
      ? group(
          button("up", act(move(true)), { keys: "Alt+ArrowUp" }),
          button("down", act(move(false)), { keys: "Alt+ArrowDown" }),
          inIssue
            ? button("condition", does(chooseReadersHere), { on: isForSome, can: takesReaders })
            : "",
          inIssue ? button("snippet", does(keepChosen), { can: takesKeeping }) : "",
          button(
            "copy",
            act((state, dispatch) => duplicate(state, dispatch)),
          ),
          button(
            "remove",
            act((state, dispatch) => remove(state, dispatch)),
          ),
        )
      : "",
    group(
      button("undo", act(undo), { keys: "Ctrl+Z", can: (state) => undo(state) }),
      button("redo", act(redo), { keys: "Ctrl+Shift+Z", can: (state) => redo(state) }),
    ),
    withBlocks ? "" : tableTools,
  );
  roving(
    bar,
    does((view) => view.focus()),
  );
  return { update: (/** @type {EditorState} */ state) => updates.forEach((each) => each(state)) };
}

/**
 * Let the tools of a table stand beside the mail at the table that the caret is in, where they cover
 * nothing; without room there above the table, below the bar where that covers its head.
 *
 * @param {() => EditorView | null} current
 * @param {HTMLElement} tools
 * @param {HTMLElement} bar
 * @returns {(state: EditorState) => void}
 */
function standAtTable(current, tools, bar) {
  const box = element(
    "div",
    { class: "table-tools", role: "toolbar", "aria-label": say("tool.table"), hidden: true },
    tools,
  );
  roving(box, () => current()?.focus());
  const place = () => {
    const view = current(),
      table = view && inTable(view.state) ? tableAt(view) : null;
    box.hidden = !table;
    if (!view || !table) return;
    const paper = /** @type {HTMLElement} */ (view.dom.parentElement);
    if (!box.parentElement) {
      paper.append(box);
      // The way to the tools, for whom Tab goes from cell to cell.
      view.dom.addEventListener("keydown", (event) => {
        if (event.altKey && event.key === "F10") box.querySelector("button")?.focus();
      });
    }
    const at = table.getBoundingClientRect(),
      { bottom, top, right: edge } = bar.getBoundingClientRect();
    const ceiling = top < at.top || top < window.innerHeight / 2 ? bottom + 4 : 0;
    const { left, top: origin, right, width } = paper.getBoundingClientRect();
    box.setAttribute("aria-orientation", "vertical");
    if (right + 4 + box.offsetWidth <= edge) {
      box.style.left = `${width + 4}px`;
      box.style.top = `${Math.max(at.top, Math.min(ceiling, at.bottom - box.offsetHeight)) - origin}px`;
      return;
    }
    box.setAttribute("aria-orientation", "horizontal");
    const lowest = at.bottom - box.offsetHeight;
    box.style.left = `${Math.max(0, Math.min(at.left - left, width - box.offsetWidth))}px`;
    box.style.top = `${Math.min(Math.max(at.top - box.offsetHeight - 4, ceiling), Math.max(lowest, at.top - box.offsetHeight - 4)) - origin}px`;
  };
  ["scroll", "resize"].forEach((name) => window.addEventListener(name, place));
  return place;
}

/** The table that the caret is in, as it is shown. @param {EditorView} view */
function tableAt(view) {
  const { $from } = view.state.selection;
  for (let depth = $from.depth; depth > 0; depth -= 1) {
    const dom = $from.node(depth).type === nodes.table ? view.nodeDOM($from.before(depth)) : null;
    if (dom instanceof HTMLElement) return dom;
  }
  return null;
}

/**
 * One stop for Tab; arrows, Home and End go from button to button, Escape back to the text.
 *
 * @param {HTMLElement} bar
 * @param {() => void} leave
 */
function roving(bar, leave) {
  const all = () => [
    .../** @type {NodeListOf<HTMLButtonElement | HTMLSelectElement>} */ (
      bar.querySelectorAll("button, select")
    ),
  ];
  const stops = () => all().filter((each) => !each.hidden && !each.disabled);
  /** @param {EventTarget | null} chosen */
  const settle = (chosen) =>
    all().forEach((each) => {
      each.tabIndex = each === chosen ? 0 : -1;
    });
  settle(stops()[0]);
  bar.addEventListener("focusin", (event) => settle(event.target));
  bar.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      leave();
      return;
    }
    const among = stops(),
      at = among.findIndex((each) => each === document.activeElement);
    const [on, back] =
      bar.getAttribute("aria-orientation") === "vertical"
        ? ["ArrowDown", "ArrowUp"]
        : ["ArrowRight", "ArrowLeft"];
    const to = { [on]: at + 1, [back]: at - 1, Home: 0, End: among.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    among[(to + among.length) % among.length].focus();
  });
}
