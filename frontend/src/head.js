/**
 * The head of the mail as its look has it: pictures, lines and the day beside what is typed there.
 */
import { Plugin } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";
import { behindLine, headIndex } from "./outline.js";
import { desk, element, formatDay } from "./page.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { Child } from "./types.js" */

/** @typedef {{ url: string, alt: string, width: number }} Drawn */
/**
 * @type {{
 *   masthead: string,
 *   undated: boolean,
 *   tagline: string,
 *   logo: Drawn | null,
 *   header: Drawn | null,
 * }}
 */
export const look = {
  masthead: "",
  undated: false,
  tagline: "",
  logo: null,
  header: null,
  ...JSON.parse(desk?.dataset.look || "{}"),
};
/** @param {string} name @param {Drawn} shown */
const picture = (name, shown) =>
  element("img", {
    class: name,
    src: shown.url,
    alt: shown.alt,
    width: shown.width,
    draggable: "false",
  });
/** @param {string} name @param {...Child} inner */
const ornament = (name, ...inner) =>
  element("div", { class: `head-part ${name}`, contenteditable: "false" }, ...inner);

/**
 * The edition's day beside the head.
 *
 * @param {string} day
 * @param {string} language
 */
function dayLeaf(day, language) {
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.valueOf())) return ornament("day-leaf");
  /** @param {Intl.DateTimeFormatOptions} options */
  const words = (options) => formatDay(date, language, options);
  return ornament(
    "day-leaf",
    element(
      "div",
      { class: "day" },
      element("span", { class: "month" }, words({ month: "short" })),
      String(date.getUTCDate()),
      element("span", { class: "week" }, words({ weekday: "long" })),
    ),
  );
}

/**
 * What stands around masthead, title and date line, in the order of
 * templates/email/_shared/frame.mjml.j2.
 *
 * @param {DocNode} doc
 */
function ornaments(doc) {
  const { header, logo } = look;
  /** @type {Decoration[]} */
  const found = [];
  /**
   * @param {number} pos
   * @param {string} key
   * @param {() => HTMLElement} draw
   * @param {number} [side]
   */
  const add = (pos, key, draw, side = -1) =>
    found.push(
      Decoration.widget(pos, draw, { side, key, ignoreSelection: true, stopEvent: () => true }),
    );
  if (look.masthead === "picture" && header)
    add(0, "header", () => ornament("header-picture", picture("wide-picture", header)));
  if (logo) add(0, "logo", () => ornament("mark", picture("logo", logo)));
  if (look.masthead === "rule")
    add(0, "bar", () => ornament("head-rule", element("hr", { class: "bar" })));
  if (look.masthead === "date" && !look.undated) {
    const day = doc.child(headIndex("dateline")).attrs.issue_date,
      { language } = doc.attrs;
    add(0, `day ${day} ${language}`, () => dayLeaf(day, language));
  }
  const below = behindLine(doc, "masthead");
  if (look.tagline) add(below, "tagline", () => ornament("tagline", look.tagline));
  if (look.masthead === "centred")
    add(below, "thin", () => ornament("head-rule", element("hr", { class: "thin" })));
  if (look.masthead === "rule")
    add(behindLine(doc, "dateline"), "thin", () =>
      ornament("head-rule", element("hr", { class: "thin" })),
    );
  return found;
}

export function headOfLook() {
  return new Plugin({
    props: { decorations: (state) => DecorationSet.create(state.doc, ornaments(state.doc)) },
  });
}
