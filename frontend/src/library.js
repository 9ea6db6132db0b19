/** The newsletter's library in a dialog: what was brought in before, searched and chosen. */
import { after, announce, desk, element, say } from "./page.js";

const kept = new Set((desk.dataset.kept || "").split(" ").filter(Boolean));
/** Whether the library has something of a kind, as far as this page knows. */
export const hasKept = (kind) => kept.has(kind);
export const nowKept = (kind) => kept.add(kind);

const MOST = 4;

async function find(kind, query, page) {
  const asked = new URLSearchParams({ kind, q: query, page: String(page) });
  const answer = await fetch(`${desk.dataset.library}?${asked}`, { headers: { Accept: "application/json" } }).catch(() => null);
  return answer && answer.ok ? answer.json() : null;
}

/**
 * Show what the library has of a kind; a press chooses.
 *
 * @param {"picture" | "file"} kind
 * @param {{upload: () => void, choose: (items: any[]) => void, several?: boolean}} acts
 */
export function chooseKept(kind, { upload, choose, several = false }) {
  let page = 1, asking = 0;
  const chosen = new Map();
  const list = element("ul", { class: `kept kept-${kind}`, "aria-label": say("library") });
  const told = element("p", { class: "quiet", role: "status" });
  const search = element("input", { id: "kept-search", type: "search", autocomplete: "off", maxlength: 200 });
  const more = element("button", { type: "button", class: "second small", hidden: true, onclick: () => { page += 1; fill(false); } }, say("library.more"));
  const insert = several ? element("button", { type: "button", disabled: true, onclick: () => finish(() => choose([...chosen.values()])) }, say("insert")) : null;
  const dialog = element("dialog", { class: "asking choosing", "aria-label": say(`library.${kind}`) });
  const finish = (act) => { dialog.close(); dialog.remove(); act(); };

  const press = (item, button) => {
    if (!several) { finish(() => choose([item])); return; }
    if (chosen.has(item.id)) chosen.delete(item.id); else if (chosen.size < MOST) chosen.set(item.id, item);
    button.setAttribute("aria-pressed", String(chosen.has(item.id)));
    insert.disabled = !chosen.size;
  };
  const entry = (item) => {
    const shown = kind === "picture" ? element("img", { src: item.path, alt: "", loading: "lazy" }) : element("span", { class: "file-kind" }, item.kind);
    const words = element("span", { class: "kept-words" }, element("strong", {}, item.name || item.alt), kind === "picture" && item.alt ? element("span", {}, item.alt) : null);
    const button = element("button", { type: "button", class: "plain kept-item", "aria-pressed": several ? chosen.has(item.id) : undefined, onclick: () => press(item, button) }, shown, words);
    if (several && !chosen.has(item.id)) button.setAttribute("aria-pressed", "false");
    return element("li", {}, button);
  };
  const fill = async (anew) => {
    const mine = asking += 1;
    const found = await find(kind, search.value.trim(), page);
    if (mine !== asking) return;
    if (anew) list.textContent = "";
    if (!found) { told.textContent = say("library.offline"); return; }
    list.append(...found.items.map(entry));
    more.hidden = !found.more;
    told.textContent = list.children.length ? "" : say("library.none");
    if (anew && !list.children.length) announce(say("library.none"));
  };
  search.addEventListener("input", after(250, () => { page = 1; fill(true); }));

  dialog.append(element("div", { class: "stack" },
    element("h2", { class: "asking-title" }, say(`library.${kind}`)),
    element("div", { class: "row" }, element("button", { type: "button", onclick: () => finish(upload) }, say("library.upload"))),
    element("div", { class: "field" }, element("label", { for: search.id }, say("library.search")), search),
    list, told, more,
    element("div", { class: "row" }, insert, element("button", { type: "button", class: "second", onclick: () => finish(() => {}) }, say("cancel")))));
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(() => {}); });
  dialog.addEventListener("mousedown", (event) => { if (event.target === dialog) finish(() => {}); });
  document.body.append(dialog);
  dialog.showModal();
  fill(true);
}
