/**
 * The handle beside a block: dragged, it moves the block or part; pressed, it opens the menu of
 * both.
 */
import { chooseReaders } from "./forms.js";
import { ICONS } from "./icons.js";
import {
  duplicate,
  flowEnd,
  flowStart,
  levelOf,
  moveTo,
  neighbour,
  positionOf,
  remove,
} from "./outline.js";
import { element, icon, say } from "./page.js";
import { canKeepAt, keepAt } from "./snippets.js";
/** @import { EditorView } from "prosemirror-view" */

/** @param {string} name @param {string} drawing @param {() => void} act */
const item = (name, drawing, act) =>
  element(
    "button",
    { type: "button", role: "menuitem", class: "menu-item", tabindex: "-1", onclick: act },
    icon(drawing),
    say(name),
  );

export class Handle {
  /**
   * @param {EditorView} view
   * @param {HTMLElement} paper what the mail stands in, and the handle beside it.
   */
  constructor(view, paper) {
    this.view = view;
    this.paper = paper;
    /** The index of the block that it stands beside; -1 for none. */
    this.index = -1;
    /** The index of what is dragged; -1 for nothing. */
    this.dragged = -1;
    this.landing = element("div", { class: "landing-line", hidden: true });
    this.button = element(
      "div",
      {
        role: "button",
        class: "block-handle",
        draggable: "true",
        "aria-label": say("handle"),
        title: say("handle"),
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        hidden: true,
        tabindex: "-1",
      },
      icon(ICONS.handle),
    );
    this.keeping = item("tool.snippet", ICONS.snippet, () => {
      this.close();
      keepAt(view, this.index);
    });
    this.menu = this.makeMenu();
    paper.append(this.button, this.menu, this.landing);
    this.listenToMouse();
    this.listenToDrags();
  }

  makeMenu() {
    const { view } = this;
    /** @param {() => void} command */
    const act = (command) => () => {
      this.close();
      command();
      view.focus();
    };
    const menu = element(
      "div",
      { class: "block-menu", role: "menu", "aria-label": say("handle"), hidden: true },
      item(
        "tool.up",
        ICONS.up,
        act(() => this.shift(true)),
      ),
      item(
        "tool.down",
        ICONS.down,
        act(() => this.shift(false)),
      ),
      item(
        "tool.condition",
        ICONS.condition,
        act(() => chooseReaders(view, positionOf(view.state.doc, this.index))),
      ),
      this.keeping,
      item(
        "tool.copy",
        ICONS.copy,
        act(() => duplicate(view.state, view.dispatch, this.index)),
      ),
      item(
        "tool.remove",
        ICONS.remove,
        act(() => remove(view.state, view.dispatch, this.index)),
      ),
    );
    menu.addEventListener("keydown", (event) => {
      const all = [...menu.querySelectorAll("button")].filter((each) => !each.hidden),
        at = all.findIndex((each) => each === document.activeElement);
      if (event.key === "Escape") {
        this.close();
        view.focus();
      }
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (by) {
        event.preventDefault();
        all[(at + by + all.length) % all.length].focus();
      }
    });
    return menu;
  }

  listenToMouse() {
    const { button, menu, paper } = this;
    paper.addEventListener("mousemove", (event) => {
      if (this.dragged < 0 && !event.buttons) this.show(this.indexAt(event.clientY));
    });
    paper.addEventListener("mouseleave", () => {
      if (menu.hidden) button.hidden = true;
    });
    button.addEventListener("click", () => {
      if (menu.hidden) this.open();
      else this.close();
    });
    document.addEventListener("mousedown", (event) => {
      if (!(
        event.target instanceof Node &&
        (menu.contains(event.target) || button.contains(event.target))
      ))
        this.close();
    });
  }

  listenToDrags() {
    this.button.addEventListener("dragstart", (event) => this.begin(event));
    this.button.addEventListener("dragend", () => this.end());
    this.paper.addEventListener(
      "dragover",
      (event) => {
        if (this.dragged < 0) return;
        event.preventDefault();
        // The text's own mark of a landing stays away: it is another place, and the drop is not
        // told it.
        event.stopPropagation();
        this.showLanding(this.target(event.clientY));
      },
      true,
    );
    this.paper.addEventListener(
      "drop",
      (event) => {
        if (this.dragged < 0) return;
        event.preventDefault();
        event.stopPropagation();
        const tr = moveTo(this.view.state, this.dragged, this.target(event.clientY));
        if (tr) this.view.dispatch(tr);
        this.end();
        this.view.focus();
      },
      true,
    );
  }

  open() {
    this.menu.style.top = this.button.style.top;
    this.keeping.hidden = !canKeepAt(this.view.state.doc, this.index);
    this.menu.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.menu.querySelector("button")?.focus();
  }

  close() {
    this.menu.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
  }

  /** Move the block or part one place. @param {boolean} up */
  shift(up) {
    const { state } = this.view,
      tr = moveTo(state, this.index, neighbour(state.doc, this.index, up));
    if (tr) this.view.dispatch(tr);
  }

  /** @param {number} at */
  domOf(at) {
    const dom = this.view.nodeDOM(positionOf(this.view.state.doc, at));
    return dom instanceof HTMLElement ? dom : null;
  }

  /** Stand beside the block of an index. @param {number} at */
  show(at) {
    if (!this.menu.hidden) return;
    this.index = at;
    const dom =
      at >= flowStart(this.view.state.doc) && at < flowEnd(this.view.state.doc)
        ? this.domOf(at)
        : null;
    this.button.hidden = !dom;
    if (dom)
      this.button.style.top = `${dom.getBoundingClientRect().top - this.paper.getBoundingClientRect().top}px`;
  }

  /** Go with the block that it stands beside, once the document is another. */
  follow() {
    if (this.menu.hidden && !this.button.hidden && this.index >= 0)
      this.show(Math.min(this.index, flowEnd(this.view.state.doc) - 1));
  }

  /** The index of the block at a height of the window. @param {number} y */
  indexAt(y) {
    const { doc } = this.view.state;
    let low = flowStart(doc),
      high = flowEnd(doc) - 1;
    while (low < high) {
      const middle = (low + high) >> 1,
        dom = this.domOf(middle);
      if (dom && dom.getBoundingClientRect().bottom < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {DragEvent} event */
  begin(event) {
    this.close();
    this.dragged = this.index;
    const dom = this.domOf(this.index);
    if (!event.dataTransfer) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", this.view.state.doc.child(this.index).textContent);
    if (dom) event.dataTransfer.setDragImage(dom, 8, 8);
  }

  end() {
    this.dragged = -1;
    this.landing.hidden = true;
  }

  /**
   * Before which node it would land; a part lands only where parts of its level may begin.
   *
   * @param {number} y
   */
  target(y) {
    const { doc } = this.view.state;
    let at = this.indexAt(y);
    const box = this.domOf(at)?.getBoundingClientRect();
    if (box && y > box.top + box.height / 2) at += 1;
    const level = levelOf(doc.child(this.dragged));
    if (level)
      while (
        at < flowEnd(doc) &&
        !(levelOf(doc.child(at)) && (level === 3 || levelOf(doc.child(at)) <= level))
      )
        at += 1;
    return at;
  }

  /** Draw the line at which it would land. @param {number} at */
  showLanding(at) {
    const before = this.domOf(at),
      dom = before || this.domOf(at - 1);
    if (!dom) return;
    const box = dom.getBoundingClientRect(),
      top = this.paper.getBoundingClientRect().top;
    this.landing.hidden = false;
    this.landing.style.top = `${(before && at < flowEnd(this.view.state.doc) ? box.top - 4 : box.bottom) - top}px`;
  }
}
