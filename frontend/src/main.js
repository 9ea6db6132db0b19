/** The write page: the mail that is written in, its Markdown, its previews; all show one value. */
import { readCaret } from "./caret.js";
import { offerCopy } from "./device_copy.js";
import { fillToolbar } from "./toolbar.js";
import { openEditor, takeIssue, toDocument, toIssue } from "./editor.js";
import { findingsByLine, goTo, readFindings, setFindings } from "./findings.js";
import { Handle } from "./handle.js";
import { openMarkdown } from "./markdown.js";
import { all, byId, debounce, given, inJapanese, isSignedOut, post, running, say } from "./page.js";
import { Preview } from "./preview.js";
import { Saving } from "./saving.js";
import { schema } from "./schema.js";
import { followSnippets } from "./snippets.js";
import { flowEnd, headIndex, isUnwritten, positionOf } from "./outline.js";
/** @import { BothForms, Copy, Fault, Issue, Source } from "./types.js" */

/**
 * Show what is wrong, and the way to its place; nothing once it is right.
 *
 * @param {Fault | null} fault
 */
function showFault(fault) {
  const place = byId("fault");
  place.hidden = !fault;
  place.replaceChildren();
  if (!fault) return;
  if ((fault.line && holder === "markdown") || fault.block) {
    const link = document.createElement("a");
    if (fault.block) {
      link.href = `#block-${fault.block}`;
      link.dataset.block = fault.block;
      link.textContent = say("here");
    } else {
      link.href = "#text";
      link.dataset.line = String(fault.line);
      link.textContent = inJapanese
        ? `${fault.line}${say("line")}`
        : `${say("line")} ${fault.line}`;
    }
    place.append(link, inJapanese ? "：" : ": ");
  }
  place.append(running(fault.what, fault.remedy));
}

/**
 * Which view holds the value: the other one is given it when it is opened.
 *
 * @type {"mail" | "markdown"}
 */
let holder = "mail";
let shown = "",
  template = given ? given.template : "",
  markdownVersion = 0;
const paper = byId("paper"),
  box = byId("markdown-box"),
  mailBox = byId("mail-box");

/** @type {Source} */
const source = {
  /** @returns {Record<string, string>} */
  fields() {
    if (holder === "markdown") return { text: markdown.text() };
    return { view: "mail", issue: JSON.stringify(toIssue(view.state.doc)), template };
  },
  version: () => (holder === "mail" ? view.state.doc : markdownVersion),
  busy: () => (holder === "mail" ? view.composing : markdown.busy()),
  showFault,
  preview: () => {
    open("phone");
  },
  /**
   * Show what the server made of the text; another person's changes are not undone with one's own.
   */
  take: (draft) => {
    template = draft.template;
    if (holder === "mail") takeIssue(view, draft.issue, { undoable: !draft.author });
    else {
      markdown.set(draft.text);
      markdownVersion += 1;
    }
  },
  checked: () => {
    if (holder === "mail") whenSettled(markFindings);
    else markdown.mark(findingsByLine(byId("findings")));
  },
};
/** Do something to the document that is not typing, but never amid a composition. */
const waitingFor = /** @type {(() => void)[]} */ ([]);
/** @param {() => void} act */
function whenSettled(act) {
  if (view.composing) {
    waitingFor.push(act);
    return;
  }
  act();
}
const markFindings = () => setFindings(view, readFindings(byId("findings")));

const changed = () => {
  saving.changed();
  preview.changed();
  fillFieldsSoon();
};
const markdown = openMarkdown(() => {
  markdownVersion += 1;
  changed();
});
const view = openEditor(paper, given ? given.issue : blank(), {
  changed: () => changed(),
  selected: () => {
    if (toolbar) toolbar.update(view.state);
    if (handle) handle.follow();
  },
});
view.dom.addEventListener("compositionend", () =>
  setTimeout(() => {
    if (!view.composing) waitingFor.splice(0).forEach((act) => act());
  }, 80),
);
const saving = new Saving(source),
  preview = new Preview(source);
/** @type {ReturnType<typeof fillToolbar> | null} */
let toolbar = null;
/** @type {Handle | null} */
let handle = null;
toolbar = fillToolbar(byId("toolbar"), () => view, "issue");
handle = new Handle(view, mailBox);
followSnippets(view);
toolbar.update(view.state);

/** @returns {Issue} */
function blank() {
  return {
    title: "",
    issue_date: "",
    language: document.documentElement.lang,
    masthead: "",
    number: "",
    preheader: "",
    lead: [],
    contents: [],
    chapters: [],
    credits: [],
  };
}

/* Views */
const tabs = all("[data-view]");
/* One change of view after the other, so that the one asked for last is shown. */
let changing = Promise.resolve(true);
/** @param {() => boolean | Promise<boolean>} act */
const inOrder = (act) => {
  changing = changing.then(act).catch(() => false);
  return changing;
};
/** @param {string} name */
const open = (name) => inOrder(() => openNow(name));
/** @param {string} name @returns {Promise<boolean>} */
async function openNow(name) {
  if (name === shown) return true;
  // Loaded before it is given the value: until then the mail is in sight, and typed in.
  if (name === "markdown") await markdown.open();
  if ((name === "mail" || name === "markdown") && name !== holder && !(await hand(name)))
    return false;
  shown = name;
  mailBox.hidden = name !== "mail";
  byId("toolbar").hidden = name !== "mail";
  box.hidden = name !== "markdown";
  byId("preview-box").hidden = name === "mail" || name === "markdown";
  tabs.forEach((tab) => {
    const is = tab.dataset.view === name;
    tab.setAttribute("aria-selected", String(is));
    tab.tabIndex = is ? 0 : -1;
  });
  preview.show(name === "mail" || name === "markdown" ? "" : name);
  if (name === "mail") whenSettled(markFindings);
  return true;
}
/**
 * Say why the server did not read the value, and that it did not.
 *
 * @param {Response | null} answer
 * @returns {Promise<false>}
 */
async function refused(answer) {
  if (!answer || answer.status >= 500) saving.show("offline");
  else if (isSignedOut(answer)) saving.show("signedOut");
  else showFault(await answer.json());
  return false;
}
/**
 * Hand the value from one view to the other; the server reads the one and writes the other.
 *
 * @param {"mail" | "markdown"} name
 * @returns {Promise<boolean>}
 */
async function hand(name) {
  const before = source.version(),
    wasTyped = saving.isTyped();
  const answer = await post("/value", new URLSearchParams(source.fields())).catch(() => null);
  // What was typed meanwhile goes along.
  if (answer && source.version() !== before) return hand(name);
  if (!answer || !answer.ok) return refused(answer);
  showFault(null);
  /** @type {BothForms} */
  const draft = await answer.json();
  template = draft.template;
  holder = name;
  if (name === "mail") takeIssue(view, draft.issue);
  else {
    markdown.set(draft.text);
    markdownVersion += 1;
  }
  if (!wasTyped) saving.settle();
  preview.check();
  return true;
}
byId("views").addEventListener("click", (event) => {
  const tab =
    event.target instanceof Element &&
    /** @type {HTMLElement | null} */ (event.target.closest("[data-view]"));
  if (tab) open(tab.dataset.view || "");
});
byId("views").addEventListener("keydown", (event) => {
  const at = tabs.indexOf(/** @type {HTMLElement} */ (document.activeElement)),
    by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (at < 0 || !by) return;
  event.preventDefault();
  tabs[(at + by + tabs.length) % tabs.length].focus();
  tabs[(at + by + tabs.length) % tabs.length].click();
});

/* Fields of the issue that stand elsewhere on the page are the same value. */
/** @type {Record<string, "doc" | "line" | "credits" | number>} */
const ATTRS = {
  preheader: "doc",
  number: "line",
  issue_date: "line",
  masthead: headIndex("masthead"),
  title: headIndex("title"),
  credits: "credits",
};
/** @param {string} name */
const lineOf = (name) => {
  const { doc } = view.state,
    place = ATTRS[name];
  switch (place) {
    case "doc":
      return doc.attrs[name];
    case "line":
      return doc.child(headIndex("dateline")).attrs[name];
    case "credits":
      return doc
        .child(flowEnd(doc))
        .children.map((each) => each.textContent)
        .filter(Boolean)
        .join("\n");
    default:
      return doc.child(place).textContent;
  }
};
function fillFields() {
  /** @type {HTMLInputElement[]} */ (all("[data-issue-field]")).forEach((input) => {
    const name = String(input.dataset.issueField);
    if (input === document.activeElement || !(name in ATTRS)) return;
    const value = lineOf(name);
    if (input.value !== value) input.value = value;
  });
}
const fillFieldsSoon = debounce(150, () => {
  if (holder === "mail") fillFields();
});
/** @param {string} name @param {string} value */
const setField = (name, value) => {
  readCaret(view);
  const { tr, doc } = view.state,
    place = ATTRS[name];
  if (lineOf(name) === value) return;
  // A field takes back its own words: they are not of what is taken back in the mail.
  tr.setMeta("addToHistory", false);
  switch (place) {
    case "doc":
      tr.setDocAttribute(name, value);
      break;
    case "line":
      tr.setNodeMarkup(positionOf(doc, headIndex("dateline")), null, {
        ...doc.child(headIndex("dateline")).attrs,
        [name]: value,
      });
      break;
    case "credits": {
      const end = positionOf(doc, flowEnd(doc));
      tr.replaceWith(
        end + 1,
        end + doc.child(flowEnd(doc)).nodeSize - 1,
        value
          .split("\n")
          .map((line) => schema.nodes.credit.create(null, line ? schema.text(line) : null)),
      );
      break;
    }
    default: {
      const start = positionOf(doc, place) + 1;
      tr.replaceWith(start, start + doc.child(place).content.size, value ? schema.text(value) : []);
    }
  }
  view.dispatch(tr);
};
document.addEventListener("input", async (event) => {
  const input = event.target;
  if (
    !(input instanceof HTMLInputElement || input instanceof HTMLTextAreaElement) ||
    !input.dataset.issueField ||
    (event instanceof InputEvent && event.isComposing)
  )
    return;
  if (!(await inOrder(() => holder === "mail" || hand("mail")))) return;
  setField(input.dataset.issueField, input.value);
});
document.addEventListener("compositionend", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.dataset.issueField)
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
});

/**
 * Show a text that was not saved, as it was typed; it is saved as if it were typed now.
 *
 * @param {Copy} copy
 */
async function restore(copy) {
  if (copy.fields.text !== undefined) {
    if (!(await open("markdown"))) return false;
    markdown.set(copy.fields.text);
    markdownVersion += 1;
  } else {
    const answer = await post("/value", new URLSearchParams(copy.fields)).catch(() => null);
    if (!answer || !answer.ok) return refused(answer);
    /** @type {BothForms} */
    const draft = await answer.json();
    if (!(await open("mail"))) return false;
    source.take(draft);
  }
  saving.restored(copy);
  changed();
  return true;
}

/* Ways from findings, faults and comments to their places */
document.addEventListener("click", async (event) => {
  const link =
    event.target instanceof Element &&
    /** @type {HTMLElement | null} */ (event.target.closest("a[data-block], a[data-line]"));
  if (!link) return;
  event.preventDefault();
  if (
    link.dataset.block &&
    (await open("mail")) &&
    goTo(view, link.dataset.block, { ...link.dataset, at: Number(link.dataset.at) })
  )
    return;
  if (link.dataset.line && (await open("markdown"))) markdown.goToLine(Number(link.dataset.line));
});
byId("findings").addEventListener("click", async (event) => {
  const button =
    event.target instanceof Element &&
    /** @type {HTMLButtonElement | null} */ (
      event.target.closest('button[name="fix"], button[name="known_word"]')
    );
  if (!button) return;
  event.preventDefault();
  if (await saving.save({ [button.name]: button.value })) preview.check();
});

/* Others approve, return and send meanwhile: whoever comes back to the page sees how it stands. */
window.addEventListener("focus", () => preview.checkSoon());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) preview.checkSoon();
});

/* The toolbar of a telephone stands above the keyboard of its screen. */
const seen = window.visualViewport;
if (seen) {
  const lift = () =>
    document.documentElement.style.setProperty(
      "--keyboard",
      `${Math.max(0, Math.round(window.innerHeight - seen.height - seen.offsetTop))}px`,
    );
  seen.addEventListener("resize", lift);
  seen.addEventListener("scroll", lift);
}

/* Saving by hand */
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "s" || event.isComposing)
    return;
  event.preventDefault();
  saving.keep();
});
byId("save").addEventListener("click", (event) => {
  event.preventDefault();
  saving.keep();
});

document.documentElement.classList.add("scripted");
all(".as-script").forEach((each) => {
  each.hidden = false;
});
fillFields();
if (!given) holder = "markdown";
open(given ? "mail" : "markdown").then(() => preview.check());
offerCopy(source.fields(), restore);
const [barred] = all("#barred a");
if (barred && barred.dataset.block) goTo(view, barred.dataset.block);
else if (given && isUnwritten(view.state.doc) && document.activeElement === document.body)
  view.focus();

export { toDocument, toIssue, view };
