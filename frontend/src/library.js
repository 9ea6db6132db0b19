/** The newsletter's library in a dialog: what was brought in before, searched and chosen. */
import { letLeave } from "./dialogs.js";
import { announce, debounce, desk, element, say, tellSignedOut } from "./page.js";
/** @import { Kept, KeptPicture } from "./types.js" */

const kept = new Set((desk.dataset.kept || "").split(" ").filter(Boolean));
/** Whether the library has something of a kind, as far as this page knows. @param {string} kind */
export const hasKept = (kind) => kept.has(kind);
/** @param {string} kind */
export const nowKept = (kind) => kept.add(kind);

const MOST = 4;

/**
 * A page of what the library has of a kind; null where it does not answer.
 *
 * @template {keyof Kept} Name
 * @param {Name} kind
 * @param {string} query
 * @param {number} page
 * @returns {Promise<{ items: Kept[Name][], more: boolean } | null>}
 */
async function find(kind, query, page) {
  const asked = new URLSearchParams({ kind, q: query, page: String(page) });
  const answer = await fetch(`${desk.dataset.library}?${asked}`, {
    headers: { Accept: "application/json" },
  }).catch(() => null);
  tellSignedOut(answer);
  return answer && answer.ok ? answer.json() : null;
}

/**
 * What is shown of an item: itself, its name, what it says.
 *
 * @param {keyof Kept} kind
 * @param {KeptPicture} item
 */
const shownOf = (kind, item) => [
  kind === "picture"
    ? element("img", { src: item.path, alt: "", loading: "lazy" })
    : element("span", { class: "file-kind" }, item.kind),
  element(
    "span",
    { class: "kept-words" },
    element("strong", {}, item.name || item.alt),
    kind === "picture" && item.alt ? element("span", {}, item.alt) : null,
  ),
];

/**
 * Show what the library has of a kind; a press chooses.
 *
 * @template {keyof Kept} Name
 * @param {Name} kind
 * @param {{ upload: () => void, choose: (items: Kept[Name][]) => void, several?: boolean }} acts
 */
export function chooseKept(kind, { upload, choose, several = false }) {
  let page = 1,
    asking = 0;
  /** @type {Map<number, Kept[Name]>} */
  const chosen = new Map();
  const list = element("ul", { class: `kept kept-${kind}`, "aria-label": say("library") });
  const status = element("p", { class: "quiet", role: "status" });
  const search = element("input", {
    id: "kept-search",
    type: "search",
    autocomplete: "off",
    maxlength: 200,
  });
  const more = element(
    "button",
    {
      type: "button",
      class: "second small",
      hidden: true,
      onclick: () => {
        page += 1;
        fill(false);
      },
    },
    say("library.more"),
  );
  const insert = several
    ? element(
        "button",
        {
          type: "button",
          disabled: true,
          onclick: () => finish(() => choose([...chosen.values()])),
        },
        say("insert"),
      )
    : null;
  const dialog = element("dialog", {
    class: "asking choosing",
    "aria-label": say(`library.${kind}`),
  });
  /** @param {() => void} act */
  const finish = (act) => {
    dialog.close();
    dialog.remove();
    act();
  };

  /** @param {Kept[Name]} item @param {HTMLElement} button */
  const press = (item, button) => {
    if (!several) {
      finish(() => choose([item]));
      return;
    }
    if (chosen.has(item.id)) chosen.delete(item.id);
    else if (chosen.size < MOST) chosen.set(item.id, item);
    button.setAttribute("aria-pressed", String(chosen.has(item.id)));
    if (insert) insert.disabled = !chosen.size;
  };
  /** @param {Kept[Name]} item */
  const entry = (item) => {
    const button = element(
      "button",
      {
        type: "button",
        class: "plain kept-item",
        "aria-pressed": several ? String(chosen.has(item.id)) : undefined,
        onclick: () => press(item, button),
      },
      ...shownOf(kind, item),
    );
    return element("li", {}, button);
  };
  /** @param {boolean} anew */
  const fill = async (anew) => {
    const mine = (asking += 1);
    const found = await find(kind, search.value.trim(), page);
    if (mine !== asking) return;
    if (anew) list.textContent = "";
    if (!found) {
      status.textContent = say("library.offline");
      return;
    }
    list.append(...found.items.map(entry));
    more.hidden = !found.more;
    status.textContent = list.children.length ? "" : say("library.none");
    if (anew && !list.children.length) announce(say("library.none"));
  };
  search.addEventListener(
    "input",
    debounce(250, () => {
      page = 1;
      fill(true);
    }),
  );

  dialog.append(
    element(
      "div",
      { class: "stack" },
      element("h2", { class: "asking-title" }, say(`library.${kind}`)),
      element(
        "div",
        { class: "row" },
        element("button", { type: "button", onclick: () => finish(upload) }, say("library.upload")),
      ),
      element(
        "div",
        { class: "field" },
        element("label", { for: search.id }, say("library.search")),
        search,
      ),
      list,
      status,
      more,
      element(
        "div",
        { class: "row" },
        insert,
        element(
          "button",
          { type: "button", class: "second", onclick: () => finish(() => {}) },
          say("cancel"),
        ),
      ),
    ),
  );
  letLeave(dialog, () => finish(() => {}));
  document.body.append(dialog);
  dialog.showModal();
  fill(true);
}
