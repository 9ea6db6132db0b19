/* The panel beside the text: one part at a time, opened by its tab or by what is next. */
const panel = /** @type {HTMLElement} */ (document.getElementById("panel"));
const parts = /** @type {HTMLElement[]} */ ([...panel.querySelectorAll(":scope > section")]);
/** @param {string | undefined} name */
const named = (name) => parts.find((part) => part.id === `panel-${name}`);
/** @param {HTMLElement} chosen */
const open = (chosen) => {
  for (const part of parts) part.hidden = part !== chosen;
  for (const tab of /** @type {NodeListOf<HTMLElement>} */ (
    panel.querySelectorAll(".panel-tabs [data-panel]")
  ))
    if (`panel-${tab.dataset.panel}` === chosen.id) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
};
document.addEventListener("click", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const link = /** @type {HTMLAnchorElement | null} */ (target.closest("a[data-panel]"));
  const chosen = link && named(link.dataset.panel);
  if (!chosen) return;
  event.preventDefault();
  open(chosen);
  if (link.closest(".panel-tabs")) return;
  /** @type {HTMLElement} */
  const goal = chosen.querySelector(link.hash) || chosen;
  goal.scrollIntoView({ block: goal === chosen ? "nearest" : "start" });
  /** @type {HTMLElement | null} */
  const first = goal.querySelector("select, input:not([type=hidden]), button, a");
  if (first) first.focus({ preventScroll: true });
});
const asked = document.getElementById(location.hash.slice(1));
const holder = parts.find((part) => part.contains(asked));
open(holder || named(panel.dataset.first) || parts[0]);
/* A part stands beside the text there: the line of states stays in sight. */
const beside = matchMedia("(min-width: 64rem)").matches;
if (asked && holder)
  addEventListener("load", () => {
    if (asked === holder && beside) scrollTo(0, 0);
    else asked.scrollIntoView();
  });
/* An hour that what was chosen needs is not left out: the one to send at, and the one to decide at.
 */
const order = /** @type {HTMLFormElement | null} */ (document.getElementById("order"));
/** @param {HTMLFormElement} form */
const demandHours = (form) => {
  const hour = /** @type {HTMLInputElement | null} */ (form.querySelector("#hour"));
  const decide = /** @type {HTMLInputElement | null} */ (form.querySelector("#decide"));
  /** @type {NodeListOf<HTMLInputElement>} */
  const subjects = form.querySelectorAll("[name=subject]");
  if (hour) hour.required = Boolean(form.querySelector("[name=when][value=later]:checked"));
  if (decide) decide.required = [...subjects].some((each) => each.value.trim());
};
/* Subjects are decided on some hours after the start, however the start moves, until another hour is
   chosen for it. */
/** @param {HTMLFormElement} form */
const followStart = (form) => {
  const hour = /** @type {HTMLInputElement | null} */ (form.querySelector("#hour"));
  const decide = /** @type {HTMLInputElement | null} */ (form.querySelector("#decide"));
  if (!hour || !decide || decide.value !== decide.defaultValue) return;
  const isLater = Boolean(form.querySelector("[name=when][value=later]:checked"));
  const start = isLater ? Date.parse(`${hour.value}Z`) : NaN;
  if (Number.isNaN(start)) return;
  const compared = 4 * 3_600_000;
  decide.value = new Date(start + compared).toISOString().slice(0, 16);
  decide.defaultValue = decide.value;
};
if (order) {
  order.addEventListener("change", () => {
    demandHours(order);
    followStart(order);
  });
  /* What is folded away cannot be pointed at. */
  order.addEventListener(
    "invalid",
    (event) => {
      const field = /** @type {HTMLElement} */ (event.target);
      const folded = field.closest("details");
      if (folded) folded.open = true;
      const part = parts.find((each) => each.contains(field));
      if (part) open(part);
    },
    true,
  );
  demandHours(order);
}
/* What is chosen in a form beside the text, and not sent yet, is there again for who comes back to
   the page in the same tab: from the translations, the history, an answered comment. */
const account = /** @type {HTMLElement | null} */ (document.querySelector("[data-account]"));
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */
/** @param {HTMLFormElement} form */
const keyOf = (form) => `beside/${account?.dataset.account}${location.pathname}#${form.id}`;
/** @param {HTMLFormElement} form */
const controlsOf = (form) =>
  /** @type {Control[]} */ ([...form.elements]).filter((each) =>
    each.matches("input[name]:not([type=hidden], [type=file]), select[name], textarea[name]"),
  );
/** @param {Control} each @returns {each is HTMLInputElement} */
const isTicked = (each) => each.type === "checkbox" || each.type === "radio";
/** @param {Control} each */
const isChanged = (each) => {
  if (isTicked(each)) return each.checked !== each.defaultChecked;
  if (!(each instanceof HTMLSelectElement)) return each.value !== each.defaultValue;
  const first = [...each.options].find((option) => option.defaultSelected) || each.options[0];
  return Boolean(first) && each.value !== first.value;
};
/** @param {Control} each */
const stateOf = (each) => [each.name, isTicked(each) ? each.checked : each.value];
/** @param {Control} each @param {string | boolean} value */
const put = (each, value) => {
  if (stateOf(each)[1] === value) return;
  if (isTicked(each)) each.checked = Boolean(value);
  else each.value = String(value);
  const folded = each.closest("details");
  if (folded) folded.open = true;
  each.dispatchEvent(new Event("change", { bubbles: true }));
};
for (const id of ["order", "correction", "comment-form"]) {
  const form = /** @type {HTMLFormElement | null} */ (document.getElementById(id));
  if (!form) continue;
  let isSent = false;
  form.addEventListener("submit", () => {
    isSent = true;
  });
  addEventListener("pagehide", () => {
    const controls = controlsOf(form);
    try {
      const isMine = localStorage.getItem("signed-in") === account?.dataset.account;
      if (isSent || !isMine || !controls.some(isChanged)) sessionStorage.removeItem(keyOf(form));
      else sessionStorage.setItem(keyOf(form), JSON.stringify(controls.map(stateOf)));
    } catch {
      /* There is no storage, or no room in it. */
    }
  });
  /** @type {[string, string | boolean][]} */
  let held = [];
  try {
    held = JSON.parse(sessionStorage.getItem(keyOf(form)) || "[]");
  } catch {
    /* There is no storage. */
  }
  const controls = controlsOf(form);
  /* A form that asks for something else by now is left as it is. */
  if (held.length === controls.length && controls.every((each, at) => each.name === held[at][0]))
    controls.forEach((each, at) => put(each, held[at][1]));
}
/* One check answers for the whole page: what depends on it is drawn anew where it differs, and what
   was chosen in it stays chosen. The editor puts the answer in place; its parts beside the list
   come along. */
const findings = /** @type {HTMLElement} */ (document.getElementById("findings"));
/** @param {Element} each */
const written = (each) => each.innerHTML.replace(/\s+/g, " ").trim();
/** @param {Element} fresh */
const redraw = (fresh) => {
  const now = document.getElementById(fresh.id);
  if (!now) return;
  fresh.removeAttribute("autofocus");
  for (const each of fresh.querySelectorAll("[autofocus]")) each.removeAttribute("autofocus");
  if (written(now) === written(fresh)) return;
  /** @type {NodeListOf<HTMLInputElement>} */
  const checked = now.querySelectorAll("input:checked");
  const chosen = new Set([...checked].map((each) => `${each.name} ${each.value}`));
  for (const each of fresh.querySelectorAll("input"))
    each.checked = chosen.has(`${each.name} ${each.value}`);
  for (const each of fresh.querySelectorAll("select")) {
    /** @type {HTMLSelectElement | null} */
    const before = now.querySelector(`select[name="${each.name}"]`);
    if (before && [...each.options].some((option) => option.value === before.value))
      each.value = before.value;
  }
  const held = now.contains(document.activeElement);
  now.replaceChildren(...fresh.childNodes);
  if (!held || now.contains(document.activeElement)) return;
  /** @type {HTMLElement} */ (
    now.querySelector("a, button:not([disabled])") || document.body
  ).focus();
};
new MutationObserver(() => {
  const answer = /** @type {HTMLTemplateElement | null} */ (document.getElementById("checked"));
  if (!answer) return;
  answer.remove();
  const parts = [...answer.content.children];
  document.title = parts.find((each) => each.id === "page-title")?.textContent || document.title;
  for (const part of parts) redraw(part);
  const barred = document.getElementById("barred");
  if (barred && !parts.some((each) => each.id === "barred")) barred.remove();
}).observe(findings, { childList: true });
/* A link from a search leads to a part: the editor goes there as it does from a finding. */
if (location.hash.startsWith("#block-"))
  addEventListener("load", () => {
    const link = document.createElement("a");
    link.href = location.hash;
    link.dataset.block = location.hash.slice(7);
    document.body.append(link);
    link.click();
    link.remove();
  });
