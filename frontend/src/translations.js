/** A translation beside its original: one editor a block, each part saved when it is left. */
import { all, announce, byId, form, post } from "./page.js";
import { drawBlocks } from "./node_views.js";
import { blocksOf, fillPiece, isBlank, openPiece } from "./pieces.js";
import { fillToolbar } from "./toolbar.js";
/** @import { EditorView } from "prosemirror-view" */
/** @import { Block } from "./types.js" */

/**
 * The blocks of each part: of the original, and as they are translated, which is null where that
 * cannot be read.
 *
 * @type {Record<string, { original: Block[], said: Block[] | null }>}
 */
const texts = JSON.parse(byId("texts").textContent || "{}");
/** @type {Record<string, string>} */
const words = JSON.parse(byId("translation-words").textContent || "{}");
const OPEN = new Set(["missing", "changed", "begun"]);
const bar = byId("toolbar"),
  unsaved = byId("unsaved"),
  count = byId("count");
const openOnly = /** @type {HTMLInputElement} */ (byId("open-only"));

/**
 * What is known of a part: its editor, and whether it was typed in.
 *
 * @typedef {{
 *   view: EditorView | null,
 *   typed: boolean,
 *   version: number,
 *   saving: Promise<void> | null,
 * }} Part
 */
/**
 * What the server says of a part that was saved.
 *
 * @typedef {{
 *   state: string,
 *   seen: string,
 *   done: number,
 *   total: number,
 *   fault: boolean,
 *   words: string,
 * }} UnitSaved
 */

/** @type {Map<HTMLElement, Part>} */
const known = new Map();
/** @param {HTMLElement} unit */
const partOf = (unit) => /** @type {Part} */ (known.get(unit));
/** @type {ReturnType<typeof fillToolbar> | null} */
let toolbar = null;
/** The editor that was written in last: the toolbar acts on it. @type {EditorView | null} */
let held = null;

/** @param {EditorView} view */
function hold(view) {
  held = view;
  bar.hidden = false;
  if (!toolbar) toolbar = fillToolbar(bar, () => held, "words");
  toolbar.update(view.state);
}

/** What is typed in a part; nothing of another goes along. @param {HTMLElement} unit */
const inputsOf = (unit) =>
  /** @type {HTMLInputElement[]} */ (
    [...unit.querySelectorAll("input[name], textarea[name]")].filter(
      (each) => !(/** @type {HTMLInputElement} */ (each).disabled),
    )
  );

/** @param {HTMLElement} unit */
function typedIn(unit) {
  const part = partOf(unit);
  part.typed = true;
  part.version += 1;
  unsaved.textContent = words.notSaved;
}

/** Open the editors of a part, in place of the box with its Markdown. @param {HTMLElement} unit */
function dress(unit) {
  const box = /** @type {HTMLTextAreaElement | null} */ (
      unit.querySelector("textarea[data-editor]")
    ),
    text = texts[String(unit.dataset.key)];
  /** @type {Part} */
  const part = { view: null, typed: false, version: 0, saving: null };
  known.set(unit, part);
  if (!box || !text) return;
  const shown = /** @type {HTMLElement} */ (unit.querySelector(".original .body"));
  shown.replaceChildren(drawBlocks(text.original));
  shown.classList.add("shown");
  if (text.said === null) return;
  const place = document.createElement("div"),
    value = document.createElement("input");
  Object.assign(value, { type: "hidden", name: "blocks", disabled: true });
  box.after(place, value);
  box.hidden = true;
  const view = openPiece(place, text.said, {
    label: box.getAttribute("aria-label") || "",
    lang: box.closest("[lang]")?.getAttribute("lang") || "",
    empty: words.empty,
    changed: () => {
      // Until something is typed, the form says what it said: nothing is read anew that nobody
      // changed.
      box.disabled = true;
      value.disabled = false;
      value.value = JSON.stringify(isBlank(view.state.doc) ? [] : blocksOf(view.state.doc));
      typedIn(unit);
    },
    selected: () => {
      if (held === view && toolbar) toolbar.update(view.state);
    },
  });
  view.dom.addEventListener("focus", () => hold(view));
  part.view = view;
}

/** Save a part by itself, and show what became of it. @param {HTMLElement} unit */
async function save(unit) {
  const part = partOf(unit);
  if (part.saving) await part.saving;
  if (!part.typed || (part.view && part.view.composing)) return true;
  const version = part.version,
    sent = new URLSearchParams({ alone: "1" });
  for (const each of inputsOf(unit))
    if (each.type !== "checkbox" || each.checked) sent.append(each.name, each.value);
  unsaved.textContent = words.saving;
  let done = () => {};
  part.saving = new Promise((resolve) => {
    done = resolve;
  });
  try {
    const answer = await post("", sent);
    if (answer.redirected || !(answer.headers.get("content-type") || "").includes("json"))
      throw new Error();
    /** @type {UnitSaved} */
    const saved = await answer.json();
    showSaved(unit, saved);
    if (saved.fault) {
      unsaved.textContent = words.notSaved;
      return false;
    }
    if (part.version === version) part.typed = false;
    unsaved.textContent = [...known.values()].some((each) => each.typed)
      ? words.notSaved
      : words.saved;
    return true;
  } catch {
    unsaved.textContent = words.offline;
    return false;
  } finally {
    part.saving = null;
    done();
  }
}

/** Show what became of a part. @param {HTMLElement} unit @param {UnitSaved} saved */
function showSaved(unit, saved) {
  const page = new DOMParser().parseFromString(saved.words, "text/html");
  for (const name of ["state", "fault"]) {
    const place = unit.querySelector(`:scope > .${name}, .unit-head .${name}`),
      fresh = page.querySelector(`.${name}`);
    if (place && fresh) place.replaceChildren(...fresh.childNodes);
  }
  if (saved.state) unit.dataset.state = saved.state;
  offerNext();
  // Saved once more, it replaces what was seen beside the fault.
  /** @type {HTMLInputElement} */ (unit.querySelector("[name=seen]")).value = saved.seen;
  if (saved.fault) return;
  const progress = /** @type {HTMLProgressElement} */ (document.querySelector("#bar progress"));
  progress.value = saved.done;
  progress.max = saved.total;
  /** @param {number} value */
  const number = (value) => new Intl.NumberFormat(document.documentElement.lang).format(value);
  const { words, done } = count.dataset;
  count.textContent = String(saved.done < saved.total ? words : done)
    .replace("{done}", number(saved.done))
    .replace("{total}", number(saved.total));
  const confirmed = /** @type {HTMLInputElement | null} */ (unit.querySelector("[name=confirmed]"));
  if (confirmed && saved.state === "done") {
    confirmed.closest("label")?.remove();
    unit.querySelector(".change")?.remove();
  }
}

const units = all(".unit"),
  nextButton = /** @type {HTMLButtonElement} */ (byId("next"));
/** @param {HTMLElement} unit */
const isOpen = (unit) => OPEN.has(String(unit.dataset.state));

/** Offer the way to the next open part while there is one. */
function offerNext() {
  nextButton.disabled = !units.some(isOpen);
}

/** @param {HTMLElement} unit */
function enter(unit) {
  unit.hidden = false;
  const part = partOf(unit),
    first = /** @type {HTMLElement | null} */ (
      part.view
        ? part.view.dom
        : unit.querySelector(".words input:not([type=hidden]), .words textarea:not([hidden])")
    );
  unit.scrollIntoView({ block: "center" });
  if (first) first.focus({ preventScroll: true });
}

/** Go to the next part that is open; the one that is left is saved meanwhile. */
async function next() {
  const now =
      /** @type {HTMLElement | null} */ (
        document.activeElement && document.activeElement.closest(".unit")
      ) || last,
    at = now ? units.indexOf(now) : -1;
  const saved = now ? save(now) : Promise.resolve(true);
  const order = [...units.slice(at + 1), ...units.slice(0, Math.max(at, 0))];
  const found = order.find(isOpen);
  if (found) enter(found);
  const isSaved = await saved;
  if (!isSaved) announce(words.notSaved);
  else if (!found) announce(words.none);
  filter();
}

function filter() {
  const here = document.activeElement && document.activeElement.closest(".unit");
  units.forEach((each) => {
    each.hidden = openOnly.checked && !isOpen(each) && each !== here;
  });
  all(".units").forEach((part) => {
    part.hidden = openOnly.checked && !part.querySelector(".unit:not([hidden])");
  });
  byId("all-done").hidden = !openOnly.checked || units.some((each) => !each.hidden);
}

/** @type {HTMLElement | null} */
let last = null;
units.forEach((unit) => {
  dress(unit);
  unit.addEventListener("input", (event) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement)
      typedIn(unit);
  });
  unit.addEventListener("focusin", () => {
    last = unit;
  });
  unit.addEventListener("focusout", (event) => {
    const to = event.relatedTarget;
    if (to instanceof Node && (unit.contains(to) || bar.contains(to))) return;
    // A dialog that an editor opened is still about this part.
    setTimeout(() => {
      if (!document.querySelector("dialog[open]") && !unit.contains(document.activeElement))
        save(unit);
    });
  });
  const copy = /** @type {HTMLButtonElement} */ (unit.querySelector(".copy-original"));
  copy.addEventListener("click", () => {
    const { view } = partOf(unit);
    if (view) fillPiece(view, texts[String(unit.dataset.key)].original);
    unit.querySelectorAll("[data-of]").forEach((each) => {
      const field = /** @type {HTMLInputElement | null} */ (
        unit.querySelector(
          `.words [name="${CSS.escape(String(/** @type {HTMLElement} */ (each).dataset.of))}"]:not([data-editor])`,
        )
      );
      if (field) field.value = each.textContent || "";
    });
    typedIn(unit);
    enter(unit);
  });
});

nextButton.addEventListener("click", next);
offerNext();
openOnly.addEventListener("change", filter);
document.addEventListener(
  "keydown",
  (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      next();
    }
    if (event.key.toLowerCase() === "s") {
      event.preventDefault();
      units.forEach((unit) => save(unit));
    }
  },
  true,
);
form.addEventListener("submit", () => {
  known.forEach((part) => {
    part.typed = false;
  });
});
window.addEventListener("beforeunload", (event) => {
  if ([...known.values()].some((part) => part.typed)) event.preventDefault();
});
all(".as-script").forEach((each) => {
  if (each !== bar && each.id !== "all-done") each.hidden = false;
});
document.documentElement.classList.add("scripted");
