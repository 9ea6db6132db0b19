/** The handle beside a block: dragged, it moves the block or part; pressed, it opens the menu of both. */
import { chooseReaders } from "./forms.js";
import { ICONS } from "./icons.js";
import { FLOW_START, duplicate, flowEnd, levelOf, moveTo, neighbour, positionOf, remove } from "./outline.js";
import { element, icon, say } from "./page.js";

/** @param {import("prosemirror-view").EditorView} view @param {HTMLElement} paper */
export function addHandle(view, paper) {
  let index = -1, dragged = -1;
  const landing = element("div", { class: "landing-line", hidden: true });
  const button = element("div", { role: "button", class: "block-handle", draggable: "true", "aria-label": say("handle"), title: say("handle"), "aria-haspopup": "menu", "aria-expanded": "false", hidden: true, tabindex: "-1" }, icon(ICONS.handle));
  const act = (command) => () => { close(); command(); view.focus(); };
  const item = (name, drawing, command) => element("button", { type: "button", role: "menuitem", class: "menu-item", tabindex: "-1", onclick: act(command) }, icon(drawing), say(name));
  const menu = element("div", { class: "block-menu", role: "menu", "aria-label": say("handle"), hidden: true },
    item("tool.up", ICONS.up, () => shift(true)), item("tool.down", ICONS.down, () => shift(false)),
    item("tool.condition", ICONS.condition, () => chooseReaders(view, positionOf(view.state.doc, index))),
    item("tool.copy", ICONS.copy, () => duplicate(view.state, view.dispatch, index)),
    item("tool.remove", ICONS.remove, () => remove(view.state, view.dispatch, index)));
  const shift = (up) => { const tr = moveTo(view.state, index, neighbour(view.state.doc, index, up)); if (tr) view.dispatch(tr); };
  const close = () => { menu.hidden = true; button.setAttribute("aria-expanded", "false"); };
  paper.append(button, menu, landing);

  const domOf = (at) => { const dom = view.nodeDOM(positionOf(view.state.doc, at)); return dom instanceof HTMLElement ? dom : null; };
  const show = (at) => {
    if (!menu.hidden) return;
    index = at;
    const dom = at >= FLOW_START && at < flowEnd(view.state.doc) ? domOf(at) : null;
    button.hidden = !dom;
    if (dom) button.style.top = `${dom.getBoundingClientRect().top - paper.getBoundingClientRect().top}px`;
  };
  const indexAt = (y) => {
    const { doc } = view.state;
    let low = FLOW_START, high = flowEnd(doc) - 1;
    while (low < high) {
      const middle = (low + high) >> 1, dom = domOf(middle);
      if (dom && dom.getBoundingClientRect().bottom < y) low = middle + 1; else high = middle;
    }
    return low;
  };
  paper.addEventListener("mousemove", (event) => { if (dragged < 0 && !event.buttons) show(indexAt(event.clientY)); });
  paper.addEventListener("mouseleave", () => { if (menu.hidden) button.hidden = true; });
  button.addEventListener("click", () => {
    if (!menu.hidden) { close(); return; }
    menu.style.top = button.style.top;
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    menu.querySelector("button").focus();
  });
  menu.addEventListener("keydown", (event) => {
    const all = [...menu.querySelectorAll("button")], at = all.indexOf(document.activeElement);
    if (event.key === "Escape") { close(); view.focus(); }
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) { event.preventDefault(); all[(at + by + all.length) % all.length].focus(); }
  });
  document.addEventListener("mousedown", (event) => { if (!menu.contains(event.target) && !button.contains(event.target)) close(); });

  button.addEventListener("dragstart", (event) => {
    close();
    dragged = index;
    const dom = domOf(index);
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", view.state.doc.child(index).textContent);
    if (dom) event.dataTransfer.setDragImage(dom, 8, 8);
  });
  /** Before which node it would land; a part lands only where parts of its level may begin. */
  const target = (y) => {
    const { doc } = view.state;
    let at = indexAt(y);
    const box = domOf(at)?.getBoundingClientRect();
    if (box && y > box.top + box.height / 2) at += 1;
    const level = levelOf(doc.child(dragged));
    if (level) while (at < flowEnd(doc) && !(levelOf(doc.child(at)) && (level === 3 || levelOf(doc.child(at)) <= level))) at += 1;
    return at;
  };
  paper.addEventListener("dragover", (event) => {
    if (dragged < 0) return;
    event.preventDefault();
    const at = target(event.clientY), dom = domOf(at) || domOf(at - 1);
    if (!dom) return;
    const box = dom.getBoundingClientRect(), top = paper.getBoundingClientRect().top;
    landing.hidden = false;
    landing.style.top = `${(domOf(at) && at < flowEnd(view.state.doc) ? box.top - 4 : box.bottom) - top}px`;
  }, true);
  paper.addEventListener("drop", (event) => {
    if (dragged < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const tr = moveTo(view.state, dragged, target(event.clientY));
    if (tr) view.dispatch(tr);
    ended();
    view.focus();
  }, true);
  const ended = () => { dragged = -1; landing.hidden = true; };
  button.addEventListener("dragend", ended);
  return { follow: () => { if (menu.hidden && !button.hidden && index >= 0) show(Math.min(index, flowEnd(view.state.doc) - 1)); } };
}
