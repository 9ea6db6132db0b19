/**
 * The list of blocks: opened by its button or by a slash where a word may begin, found by typing.
 *
 * Behind a Japanese letter a slash may as well be meant (大人/子供): there nothing is chosen by the
 * keys that end a word, unless it was pointed at or what is typed can be no word of the text.
 */
import { Plugin, PluginKey, TextSelection } from "prosemirror-state";
import {
  addPart,
  become,
  caretAt,
  freshTable,
  insert,
  toggleList,
  toggleQuotation,
} from "./commands.js";
import { readerWord } from "./cards.js";
import { askFresh } from "./forms.js";
import { flowEnd, flowIndex, isIssue, positionOf } from "./outline.js";
import { announce, byId, desk, element, folded, offered, say } from "./page.js";
import { schema } from "./schema.js";
import { addSnippet, chooseSnippet, isNamed } from "./snippets.js";
/** @import { Node as DocNode, NodeType } from "prosemirror-model" */
/** @import { Command, EditorState, Transaction } from "prosemirror-state" */
/** @import { EditorView } from "prosemirror-view" */
/** @import { Act } from "./types.js" */

const { nodes } = schema;
/**
 * The list as it is open: where it was opened, and what was typed since.
 *
 * @typedef {{ from: number, query: string, typed?: boolean, within?: boolean }} Opened
 */
/**
 * A line of the list: its name in the catalogue, what else people type for it, the kind that the
 * server has to know and the choices that the desk has to have; `label` is what it is called by
 * itself.
 *
 * @typedef {{
 *   name: string,
 *   terms: string,
 *   kind?: string,
 *   needs?: string,
 *   label?: string,
 *   act: Act,
 * }} Entry
 */

/** @type {PluginKey<Opened | null>} */
const key = new PluginKey("slash");
/** What stands within a line of text. */
const INLINE = ["field", "footnote"];
/** A field of the reader: first the name, with what stands for one that is not known. */
const newField = () => nodes.field.create({ fallback: readerWord() });
/** @param {Command} command @returns {Act} */
const run = (command) => (view) => command(view.state, view.dispatch, view);

/**
 * Put a block in, once the form that it may have is filled in.
 *
 * @param {() => DocNode} make
 * @returns {Act}
 */
const filled = (make) => (view) => {
  const node = make();
  askFresh(view, node, (finish) => insert(node, finish)(view.state, view.dispatch));
};
/** @param {() => DocNode} make @returns {Act} */
const chip = (make) => (view) => {
  const node = make();
  askFresh(view, node, (finish) => {
    const {
      tr,
      selection: { from },
    } = view.state;
    tr.insert(from, node);
    if (finish) finish(tr, from);
    view.dispatch(
      tr.setSelection(TextSelection.create(tr.doc, from + node.nodeSize)).scrollIntoView(),
    );
  });
};
/** @param {NodeType} type */
const filledIn = (type) => type.createAndFill() || type.create();
/** @param {string} name @returns {Act} */
const atom = (name) => filled(() => nodes[name].create());

/** The lines by their groups, in the order of the list. @type {Record<string, Entry[]>} */
const GROUPS = {
  most: [
    {
      name: "picture",
      terms: "picture image photo library 画像 がぞう 写真 しゃしん ライブラリ gazou",
      kind: "picture",
      act: (view) => view.dom.dispatchEvent(new CustomEvent("choose-picture", { bubbles: true })),
    },
    {
      name: "button",
      terms: "button call action ボタン ぼたん botan",
      kind: "button",
      act: atom("button"),
    },
    {
      name: "table",
      terms: "table grid 表 ひょう テーブル hyou",
      kind: "table",
      act: (view) => {
        const isPut = insert(freshTable(2, 3))(view.state, view.dispatch),
          { node } = view.domAtPos(view.state.selection.from);
        (node instanceof Element ? node : node.parentElement)
          ?.closest("table")
          ?.scrollIntoView({ block: "nearest" });
        return isPut;
      },
    },
    {
      name: "heading",
      terms: "h4 subheading heading 小見出し こみだし komidashi",
      kind: "heading",
      act: run(become("heading", { level: 4 })),
    },
    {
      name: "bullets",
      terms: "list bullets unordered 箇条書き かじょうがき リスト kajou",
      kind: "list",
      act: run(toggleList(nodes.bullet_list)),
    },
  ],
  parts: [
    {
      name: "item",
      terms: "h3 item news article headline 記事 きじ みだし kiji",
      act: run((...given) => (isEmptyText(given[0]) ? become("item") : addPart("item"))(...given)),
    },
    {
      name: "section",
      terms: "h2 section heading 節 せつ みだし setsu",
      act: run((...given) =>
        (isEmptyText(given[0]) ? become("section") : addPart("section"))(...given),
      ),
    },
    {
      name: "chapter",
      terms: "h1 chapter heading 章 しょう みだし shou",
      act: run((...given) =>
        (isEmptyText(given[0]) ? become("chapter") : addPart("chapter"))(...given),
      ),
    },
  ],
  text: [
    {
      name: "paragraph",
      terms: "text paragraph 本文 ほんぶん 段落 だんらく honbun",
      act: run(become("paragraph")),
    },
    {
      name: "numbers",
      terms: "list numbered ordered 番号 ばんごう リスト bangou",
      kind: "list",
      act: run(toggleList(nodes.ordered_list)),
    },
    {
      name: "quotation",
      terms: "quote quotation 引用 いんよう inyou",
      kind: "quotation",
      act: run(toggleQuotation),
    },
    {
      name: "link",
      terms: "link read more リンク りんく 続きを読む つづき",
      act: filled(() => nodes.link.create()),
    },
    {
      name: "footnote",
      terms: "footnote note 脚注 きゃくちゅう 注 kyakuchuu",
      kind: "footnote",
      act: chip(() => nodes.footnote.create()),
    },
    {
      name: "field",
      terms: "merge field name 差し込み さしこみ 名前 なまえ sashikomi",
      kind: "field",
      act: chip(newField),
    },
  ],
  blocks: [
    {
      name: "event",
      terms:
        "event date place イベント 行事 ぎょうじ 催し もよおし 講座 こうざ 日時 にちじ ibento gyouji",
      kind: "event",
      act: atom("event"),
    },
    {
      name: "contact",
      terms: "contact box 連絡先 れんらくさき 問い合わせ といあわせ renraku",
      kind: "contact",
      act: atom("contact"),
    },
    {
      name: "file",
      terms: "file pdf attachment download ファイル ふぁいる 添付 てんぷ 資料 しりょう fairu",
      kind: "file",
      act: (view) => view.dom.dispatchEvent(new CustomEvent("choose-file", { bubbles: true })),
    },
    {
      name: "gallery",
      terms: "gallery pictures row ギャラリー 画像 がぞう しゃしん gyarari",
      kind: "gallery",
      act: (view) =>
        view.dom.dispatchEvent(
          new CustomEvent("choose-picture", { bubbles: true, detail: { gallery: true } }),
        ),
    },
    {
      name: "columns",
      terms: "columns two 二段 にだん カラム 段組 だんぐみ dangumi",
      kind: "columns",
      act: (view) => insert(filledIn(nodes.columns))(view.state, view.dispatch),
    },
    {
      name: "conditional",
      terms:
        "condition segment some readers audience 条件 じょうけん 読者 どくしゃ 限定 げんてい セグメント jouken",
      kind: "conditional",
      act: filled(() => filledIn(nodes.conditional)),
    },
    {
      name: "thematic-break",
      terms: "divider rule line hr 区切り くぎり 罫線 けいせん kugiri",
      kind: "thematic-break",
      act: (view) => insert(nodes.rule.create())(view.state, view.dispatch),
    },
    {
      name: "contents",
      terms: "contents toc 目次 もくじ mokuji",
      kind: "contents",
      act: (view) => insert(nodes.contents.create())(view.state, view.dispatch),
    },
    {
      name: "snippet",
      terms: "snippet reuse 定型 ていけい スニペット teikei",
      kind: "snippet",
      needs: "snippets",
      act: chooseSnippet,
    },
  ],
  more: [
    {
      name: "comment",
      terms: "note remark comment 編集メモ メモ めも へんしゅう memo",
      kind: "comment",
      act: (view) => insert(nodes.comment.create())(view.state, view.dispatch),
    },
    {
      name: "verbatim",
      terms: "code preformatted verbatim そのまま 整形済み せいけい",
      kind: "verbatim",
      act: run(become("verbatim")),
    },
  ],
};
const ENTRIES = Object.entries(GROUPS).flatMap(([group, entries]) =>
  entries.map((entry) => ({ ...entry, group })),
);

/** @param {EditorState} state */
function isEmptyText(state) {
  const { $from } = state.selection;
  return $from.parent.type === nodes.paragraph && !$from.parent.content.size;
}

/**
 * Whether it may stand in a document: parts and links below the text are an issue's alone.
 *
 * @param {DocNode} doc
 * @param {string} name
 */
const fits = (doc, name) =>
  isIssue(doc) || !nodes[name] || !nodes[name].isInGroup("flow") || nodes[name].isInGroup("block");
/** What this server's issues know, in the order of the list. @param {DocNode} doc */
const known = (doc) => {
  const kinds = offered("kinds");
  return ENTRIES.filter(
    (entry) =>
      fits(doc, entry.name) &&
      (!entry.kind || kinds.includes(entry.kind)) &&
      (!entry.needs || desk.dataset[entry.needs]),
  );
};
/**
 * The snippets that have what was typed in their names, each by itself.
 *
 * @param {string} query
 * @returns {(Entry & { group: string })[]}
 */
const snippetsNamed = (query) =>
  offered("snippets")
    .filter((each) => isNamed(each, query))
    .map(({ name: label }) => ({
      name: "snippet",
      group: "blocks",
      terms: "",
      label,
      act: (view) => addSnippet(view, label),
    }));
/**
 * What is offered for what was typed; amid a text, what stands within one comes first.
 *
 * @param {DocNode} doc
 * @param {string} query
 * @param {boolean} amid
 */
const matching = (doc, query, amid) => {
  const sought = folded(query),
    entries = known(doc);
  if (!sought)
    return amid
      ? [
          ...entries.filter(({ name }) => INLINE.includes(name)),
          ...entries.filter(({ name }) => !INLINE.includes(name)),
        ]
      : entries;
  const all = entries.map((entry) => ({
    entry,
    label: folded(say(`kind.${entry.name}`)),
    terms: folded(entry.terms).split(" "),
  }));
  const begins = all.filter(
    ({ label, terms }) => label.startsWith(sought) || terms.some((term) => term.startsWith(sought)),
  );
  const holds = all.filter(
    (each) =>
      !begins.includes(each) &&
      (each.label.includes(sought) || each.terms.some((term) => term.includes(sought))),
  );
  return [...[...begins, ...holds].map(({ entry }) => entry), ...snippetsNamed(query)];
};

const JAPANESE = "[\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Han}ー、。！？」』）】]";
const BEHIND_JAPANESE = new RegExp(`${JAPANESE}$`, "u"),
  GOES_ON = new RegExp(`^(?!${JAPANESE})[^\\s\\ufffc]`, "u");

/**
 * Whether a slash typed here asks for the list: "begins" where a word begins, also behind the end
 * of a Japanese sentence or of its part, "within" behind a Japanese letter, "" where it is text, as
 * in 1/2, and/or, https://.
 *
 * @param {EditorState} state
 * @param {number} pos
 */
function asks(state, pos) {
  const $pos = state.doc.resolve(pos);
  // A closing line may well have a slash; at its beginning it asks.
  if ($pos.parent.type === nodes.credit) return $pos.parentOffset ? "" : "begins";
  if ($pos.parent.type !== nodes.paragraph || flowIndex($pos) < 0) return "";
  const before = $pos.parent.textBetween(0, $pos.parentOffset, "\n", "\ufffc");
  if (!before || /[\s\u3000、。！？]$/.test(before)) return "begins";
  return BEHIND_JAPANESE.test(before) ? "within" : "";
}

/**
 * How the list opens for a slash; nothing that goes on behind it makes a word with it.
 *
 * @param {EditorState} state
 * @param {number} pos
 * @param {number} behind
 */
function opening(state, pos, behind) {
  const { $to } = state.selection,
    rest = $to.parent.textBetween(behind - $to.start(), $to.parent.content.size, "\n", "\ufffc");
  const how = asks(state, pos);
  return !how || (how === "within" && GOES_ON.test(rest))
    ? null
    : { open: pos, typed: true, within: how === "within" };
}

/** Pixels between the list and what it stands beside, and what moves the text under it. */
const GAP = 6,
  FOLLOWED = ["scroll", "resize"];

/** The list beside the caret. */
class Menu {
  /** @param {EditorView} view */
  constructor(view) {
    this.view = view;
    this.box = element("div", {
      class: "slash",
      id: "slash",
      role: "listbox",
      "aria-label": say("blocks"),
      hidden: true,
    });
    this.box.addEventListener("mousedown", (event) => event.preventDefault());
    this.box.addEventListener("click", (event) => {
      const chosen = event.target instanceof Element && event.target.closest("[role=option]");
      if (chosen) this.choose(Number(chosen.getAttribute("data-at")));
    });
    (document.querySelector("main") || document.body).append(this.box);
    this.follow = (/** @type {Event} */ event) => {
      if (event.target !== this.box) this.place();
    };
    FOLLOWED.forEach((name) => window.addEventListener(name, this.follow, true));
    this.at = 0;
    /** @type {(Entry & { group: string })[]} */
    this.shown = [];
    /** What is typed while it is open. @type {string | null} */
    this.query = null;
  }

  get open() {
    return !this.box.hidden;
  }

  /** @param {EditorView} view */
  update(view) {
    const state = key.getState(view.state);
    if (!state) {
      this.close();
      return;
    }
    if (this.query === state.query && this.open) return;
    this.query = state.query;
    this.shown = matching(
      view.state.doc,
      state.query,
      view.state.selection.$from.parent.textContent.length > state.query.length + 1,
    );
    // What may be a word of the text is not chosen by itself.
    this.at = state.within && /[^ -~]/.test(folded(state.query)) ? -1 : 0;
    if (state.within && !this.shown.length) this.close();
    else this.draw();
  }

  draw() {
    const { view } = this;
    if (!this.shown.length) {
      this.box.replaceChildren(
        element(
          "p",
          { class: "quiet", role: "option", "aria-disabled": "true", "aria-selected": "false" },
          say("noBlock"),
        ),
      );
    } else {
      const isWhole = !this.query;
      this.box.replaceChildren(
        ...this.shown.flatMap((entry, at) => [
          ...(isWhole && (!at || this.shown[at - 1].group !== entry.group)
            ? [
                element(
                  "div",
                  { class: "slash-group", role: "presentation" },
                  say(`group.${entry.group}`),
                ),
              ]
            : []),
          element(
            "div",
            {
              role: "option",
              id: `slash-${at}`,
              "data-at": at,
              "aria-selected": String(at === this.at),
            },
            entry.label || say(`kind.${entry.name}`),
            element(
              "span",
              { class: "quiet" },
              say(entry.label ? `kind.${entry.name}` : `hint.${entry.name}`),
            ),
          ),
        ]),
      );
    }
    this.box.hidden = false;
    this.place();
    // The view scrolls to its caret once all of its parts were told of a change.
    requestAnimationFrame(() => this.place());
    view.dom.setAttribute("aria-controls", "slash");
    view.dom.setAttribute("aria-haspopup", "listbox");
    document
      .querySelectorAll("[data-opens=slash]")
      .forEach((each) => each.setAttribute("aria-expanded", "true"));
    this.mark();
  }

  /**
   * Stand where there is more room, below the line that is written or above it, never over it or
   * the toolbar.
   */
  place() {
    const { box, view } = this,
      state = key.getState(view.state);
    if (!state || !this.open) return;
    const from = view.coordsAtPos(state.from),
      caret = view.coordsAtPos(view.state.selection.head);
    const seen = window.visualViewport,
      room = seen ? seen.height + seen.offsetTop : window.innerHeight;
    const bar = byId("toolbar").getBoundingClientRect(),
      saving = document.querySelector(".saving")?.getBoundingClientRect();
    const ceiling = Math.max(
      0,
      ...[bar, saving].map((each) => (each && each.top < from.top ? each.bottom : 0)),
    );
    const floor = bar.top > from.top && bar.top < room ? bar.top : room,
      line = Math.min(from.top, floor),
      below = floor - caret.bottom - 2 * GAP,
      above = line - ceiling - 2 * GAP;
    const { scrollTop } = box;
    box.style.maxHeight = "";
    const height = box.offsetHeight,
      isBelow = below >= height || below >= above;
    const shown = Math.min(height, Math.max(isBelow ? below : above, 0));
    box.style.maxHeight = `${shown}px`;
    box.scrollTop = scrollTop;
    box.style.top = `${isBelow ? caret.bottom + GAP : line - shown - GAP}px`;
    box.style.left = `${Math.max(4, Math.min(from.left, document.documentElement.clientWidth - box.offsetWidth - 8))}px`;
  }

  mark() {
    this.box
      .querySelectorAll("[role=option]")
      .forEach((option, at) => option.setAttribute("aria-selected", String(at === this.at)));
    const chosen = this.box.querySelector(`#slash-${this.at}`);
    if (!chosen) {
      this.view.dom.removeAttribute("aria-activedescendant");
      return;
    }
    this.view.dom.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
    announce(chosen.firstChild?.textContent || "");
  }

  /** @param {number} by */
  step(by) {
    this.at =
      this.at < 0 && by < 0
        ? this.shown.length - 1
        : (this.at + by + this.shown.length) % Math.max(1, this.shown.length);
    this.mark();
  }

  /** @param {number} at */
  choose(at) {
    const entry = this.shown[at],
      { view } = this,
      state = key.getState(view.state);
    if (!entry || !state) return;
    const tr = view.state.tr.setMeta(key, { close: true });
    if (state.from < view.state.selection.from) tr.delete(state.from, view.state.selection.from);
    // No block stands in the closing lines: it goes where the text ends.
    if (tr.selection.$from.parent.type === nodes.credit)
      caretAt(tr, positionOf(tr.doc, flowEnd(tr.doc)));
    view.dispatch(tr);
    view.focus();
    entry.act(view);
  }

  close() {
    if (!this.open) return;
    this.box.hidden = true;
    this.query = null;
    this.view.dom.removeAttribute("aria-activedescendant");
    this.view.dom.removeAttribute("aria-controls");
    document
      .querySelectorAll("[data-opens=slash]")
      .forEach((each) => each.setAttribute("aria-expanded", "false"));
  }

  destroy() {
    this.box.remove();
    FOLLOWED.forEach((name) => window.removeEventListener(name, this.follow, true));
  }
}

/** Ask for a field of the reader, and put it where the caret is. */
export const addField = chip(newField);
/** Whether the text at the caret can have a field in it. @param {EditorState} state */
export const takesField = (state) =>
  state.selection.$from.parent.inlineContent &&
  Boolean(state.selection.$from.parent.type.contentMatch.matchType(nodes.field));

/**
 * Open the list by its button, at the caret; what is typed then narrows it.
 *
 * @param {EditorView} view
 */
export function openBlocks(view) {
  view.focus();
  view.dispatch(view.state.tr.setMeta(key, { open: view.state.selection.from, typed: false }));
}

/** @param {EditorView} view */
const close = (view) => {
  if (key.getState(view.state)) view.dispatch(view.state.tr.setMeta(key, { close: true }));
};

/**
 * The list after a change: it stays open while what is typed behind its place may be searched for.
 *
 * @param {Transaction} tr
 * @param {Opened | null} held
 * @param {EditorState} state
 * @returns {Opened | null}
 */
function afterChange(tr, held, state) {
  /** @type {{ close: true } | { open: number, typed: boolean, within?: boolean } | undefined} */
  const meta = tr.getMeta(key);
  if (meta && "close" in meta) return null;
  const opened = meta ? { from: meta.open, typed: meta.typed, within: meta.within } : held;
  if (!opened) return null;
  const from = meta ? meta.open : tr.mapping.map(opened.from, -1),
    { $from, empty } = state.selection;
  if (!empty || $from.pos < from || from < $from.start()) return null;
  const text = state.doc.textBetween(from, $from.pos, "\n", "\ufffc");
  if (opened.typed && !/^[/／]/.test(text)) return null;
  const query = opened.typed ? text.slice(1) : text;
  return /\s/.test(query) || query.length > 16 ? null : { ...opened, from, query };
}

/**
 * Keys while the list is open: it is gone through, chosen from or left; whether that was all that
 * they do.
 *
 * @param {EditorView} view
 * @param {KeyboardEvent} event
 * @param {Menu | null} menu
 */
function pressed(view, event, menu) {
  if (!menu || !menu.open || event.isComposing) return false;
  if (!menu.shown.length && event.key !== "Escape") {
    close(view);
    return false;
  }
  switch (event.key) {
    case "ArrowDown":
      menu.step(1);
      return true;
    case "ArrowUp":
      menu.step(-1);
      return true;
    case "Escape":
      close(view);
      return true;
    case "Enter":
    case "Tab":
      if (menu.at < 0) {
        close(view);
        return false;
      }
      menu.choose(menu.at);
      return true;
    default:
      return false;
  }
}

/**
 * A Japanese keyboard's slash was composed, alone or with the letters behind it.
 *
 * @param {EditorView} view
 */
function afterComposing(view) {
  const { $from, empty } = view.state.selection;
  if (view.composing || key.getState(view.state) || !empty || !$from.parent.isTextblock) return;
  const typed = /[/／][^\s/／]{0,16}$/.exec(
    $from.parent.textBetween(0, $from.parentOffset, "\n", "\ufffc"),
  );
  const opened = typed ? opening(view.state, $from.pos - typed[0].length, $from.pos) : null;
  if (opened) view.dispatch(view.state.tr.setMeta(key, opened));
}

export function slashMenu() {
  /** @type {Menu | null} */
  let menu = null;
  return new Plugin({
    key,
    state: {
      init: () => /** @type {Opened | null} */ (null),
      apply: (tr, held, _, state) => afterChange(tr, held, state),
    },
    view(view) {
      menu = new Menu(view);
      return menu;
    },
    props: {
      handleTextInput(view, from, to, text, typed) {
        // What is typed fast comes in one piece with the slash.
        const opened =
          view.composing || !/^[/／][^\s/]{0,12}$/.test(text)
            ? null
            : opening(view.state, from, to);
        if (!opened) return false;
        view.dispatch(typed().setMeta(key, opened));
        return true;
      },
      handleKeyDown: (view, event) => pressed(view, event, menu),
      handleDOMEvents: {
        blur(view) {
          setTimeout(() => {
            if (!view.hasFocus()) close(view);
          }, 100);
          return false;
        },
        compositionend(view, event) {
          if (/[/／]/.test(event.data || "")) setTimeout(() => afterComposing(view), 60);
          return false;
        },
      },
    },
  });
}
