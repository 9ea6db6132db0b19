/** How nodes are shown that are more than their text: the date line, pictures, cards, chips. */
import { CARDS } from "./cards.js";
import { openForm, hasForm, fieldWord } from "./forms.js";
import { ICONS } from "./icons.js";
import { kindOf } from "./kinds.js";
import { element, icon, say } from "./page.js";
import { readersWord } from "./readers.js";
import { short } from "./schema.js";

const editing = (view, getPos, words) => element("button", {
  type: "button", class: "edit-node", "aria-label": words, title: words, contenteditable: "false",
  onmousedown: (event) => event.preventDefault(), onclick: () => openForm(view, getPos()),
}, icon(ICONS.edit));

/** The edition's day as the mail prints it. */
function dayWords(day, language) {
  const [year, month, date] = day.split("-").map(Number);
  if (!year) return day;
  if (language === "ja") return `${year}年${month}月${date}日`;
  return `${date} ${new Date(Date.UTC(year, month - 1, date)).toLocaleString("en", { month: "long", timeZone: "UTC" })} ${year}`;
}

/** A node without text of its own: drawn by a function of its value. */
function drawn(draw, tag, name) {
  return (node, view, getPos) => {
    const dom = element(tag, { class: name, contenteditable: "false" });
    const show = (now) => { dom.replaceChildren(...[draw(now, view, getPos)].flat().filter(Boolean)); };
    show(node);
    let current = node;
    return {
      dom,
      update(now) {
        if (now.type !== current.type) return false;
        if (now !== current) show(now);
        current = now;
        return true;
      },
      stopEvent: (event) => event.target instanceof Element && Boolean(event.target.closest("button")) && event.type !== "dragstart",
      ignoreMutation: () => true,
    };
  };
}

/** A text with an address: its words are typed, the address has a form. */
function addressed(tag, name, inner, innerName) {
  return (node, view, getPos) => {
    const words = element("span", { class: innerName });
    const dom = element(tag, { class: name }, inner ? element(inner, {}, words) : words);
    const button = editing(view, getPos, say("editAddress"));
    dom.append(button);
    const show = (now) => { words.dataset.url = short(now.attrs.url) || say(now.type.name === "button" ? "buttonLabel" : "linkWords"); dom.classList.toggle("empty-words", !now.content.size); dom.title = now.attrs.url; };
    show(node);
    let current = node;
    return {
      dom, contentDOM: words,
      update(now) { if (now.type !== current.type) return false; show(now); current = now; return true; },
      stopEvent: (event) => event.target instanceof Node && button.contains(event.target),
      ignoreMutation: (change) => change.type !== "selection" && !words.contains(change.target),
    };
  };
}

function picture(node, view, getPos) {
  const image = element("img", { class: "picture", draggable: "false" }), caption = element("figcaption", { class: "caption" });
  const button = editing(view, getPos, say("editPicture"));
  const missing = element("span", { class: "needs-alt" }, say("noAlt"));
  const frame = element("span", { class: "picture-frame", contenteditable: "false" }, image, button, missing);
  const dom = element("figure", { class: "picture-block" }, frame, caption);
  const show = (now) => {
    if (image.getAttribute("src") !== now.attrs.source) image.src = now.attrs.source;
    image.alt = now.attrs.alt;
    image.title = now.attrs.title;
    missing.hidden = Boolean(now.attrs.alt);
    caption.dataset.placeholder = say("caption");
    dom.classList.toggle("no-caption", !now.content.size);
  };
  show(node);
  let current = node;
  return {
    dom, contentDOM: caption,
    update(now) { if (now.type !== current.type) return false; show(now); current = now; return true; },
    stopEvent: (event) => event.target instanceof Node && button.contains(event.target),
    ignoreMutation: (change) => change.type !== "selection" && !caption.contains(change.target),
  };
}

/** Blocks for some readers, below the line that says for whom. */
function conditional(node, view, getPos) {
  const words = element("button", { type: "button", class: "for-whom", contenteditable: "false", onmousedown: (event) => event.preventDefault(), onclick: () => openForm(view, getPos()) });
  const inner = element("div", {}), dom = element("div", { class: "for-some" }, words, inner);
  const show = (now) => { words.textContent = say("shownTo", { condition: readersWord(now.attrs.condition) }); };
  show(node);
  let current = node;
  return {
    dom, contentDOM: inner,
    update(now) { if (now.type !== current.type) return false; show(now); current = now; return true; },
    stopEvent: (event) => event.target === words,
    ignoreMutation: (change) => change.type !== "selection" && !inner.contains(change.target),
  };
}

const card = drawn((node, view, getPos) => {
  const entry = kindOf(node), value = node.attrs.value;
  const draw = entry && CARDS[entry.kind];
  const inner = draw ? draw(value, view.state.doc.attrs.language) : [element("p", { class: "card-line" }, element("strong", {}, say("sealed", { kind: String(value.kind) }))), element("p", { class: "card-line" }, say("sealedHint"))];
  return [element("div", { class: "card-words" }, ...inner), hasForm(node) ? editing(view, getPos, say("editBlock", { block: say(`kind.${entry.kind}`) })) : null];
}, "div", "block-card");

const chip = (name, words) => (node, view, getPos) => {
  const dom = element("span", { class: `chip ${name}`, contenteditable: "false" });
  const show = (now) => {
    const caption = words(now);
    dom.replaceChildren(hasForm(now)
      ? element("button", { type: "button", "aria-label": caption.label, title: caption.label, onmousedown: (event) => event.preventDefault(), onclick: () => openForm(view, getPos()) }, caption.text)
      : caption.text);
  };
  show(node);
  let current = node;
  return {
    dom,
    update(now) { if (now.type !== current.type) return false; if (now !== current) show(now); current = now; return true; },
    stopEvent: (event) => event.target instanceof Element && Boolean(event.target.closest("button")),
    ignoreMutation: () => true,
  };
};

const plain = (runs) => runs.map((run) => run.text || plain(run.content || [])).join("");

export const NODE_VIEWS = {
  dateline: drawn((node, view, getPos) => {
    const { issue_date: day, number } = node.attrs, language = view.state.doc.attrs.language;
    const numbered = language === "en" && /^\d/.test(number) ? `No. ${number}` : number;
    const words = [dayWords(day, language), numbered].filter(Boolean).join(" ・ ");
    return element("button", { type: "button", class: "date-button", title: say("dateAndNumber"), "aria-label": `${say("dateAndNumber")}: ${words}`, onmousedown: (event) => event.preventDefault(), onclick: () => openForm(view, getPos()) }, words);
  }, "p", "date"),
  link: addressed("p", "more", "", "link named"),
  button: addressed("div", "button-line", "", "button-link"),
  picture, conditional,
  file: card, event: card, contact: card, contents: card, snippet: card, sealed: card,
  footnote: chip("footnote", (node) => ({ text: "※", label: `${say("kind.footnote")}: ${plain(node.attrs.content)}` })),
  remark: chip("remark", (node) => ({ text: node.attrs.text.trim().slice(0, 24) || "…", label: `${say("kind.comment")}: ${node.attrs.text.trim()}` })),
  field: chip("merge-field", (node) => ({ text: fieldWord(node.attrs.field), label: `${say("kind.field")}: ${fieldWord(node.attrs.field)}${node.attrs.fallback ? ` / ${node.attrs.fallback}` : ""}` })),
  sealed_run: chip("sealed-run", (node) => ({ text: String(node.attrs.value.kind), label: String(node.attrs.value.kind) })),
};
