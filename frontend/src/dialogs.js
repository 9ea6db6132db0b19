/** Forms over the page: a link's address, a picture's words, an event's fields. */
import { element, say } from "./page.js";

const SAFE = /^(https?:\/\/|mailto:|tel:)/i;

/** An address as typed, with the scheme that people leave out; empty when it is none. */
export function addressOf(typed) {
  const url = typed.trim();
  if (!url || SAFE.test(url)) return url;
  if (/^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/.test(url)) return `mailto:${url}`;
  if (/^[+0-9][0-9\s()-]{6,}$/.test(url)) return `tel:${url.replace(/[\s()]/g, "")}`;
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return "";
  return /^[^\s/]+\.[^\s/]{2,}/.test(url) ? `https://${url}` : "";
}

/**
 * Ask for some fields beside what they are about.
 *
 * @param {{title: string, fields: any[], values: Record<string, any>, near?: DOMRect, act?: string,
 *   remove?: string, extra?: HTMLElement | null}} asked
 * @returns {Promise<Record<string, any> | "remove" | null>} null when it was left.
 */
export function ask({ title, fields, values, near, act = say("apply"), remove = "", extra = null }) {
  return new Promise((done) => {
    const inputs = new Map();
    const error = element("p", { class: "error", role: "alert", hidden: true });
    const rows = fields.map((field) => {
      const id = `ask-${field.name}`;
      if (field.type === "whole-days") return wholeDays(field, id, inputs, values);
      const input = inputOf(field, id, values[field.name]);
      inputs.set(field.name, input);
      const hint = field.hint ? element("span", { class: "hint", id: `${id}-hint` }, say(field.hint)) : null;
      if (hint) input.setAttribute("aria-describedby", hint.id);
      const list = field.options ? element("datalist", { id: `${id}-list` }, ...field.options.map((value) => element("option", { value }))) : null;
      if (list) input.setAttribute("list", list.id);
      if (field.groups) return groupedChoices(field, input, id);
      return element("div", { class: "field" }, element("label", { for: id }, say(field.word)), hint, input, list);
    });
    const dialog = element("dialog", { class: "asking", "aria-label": title });
    const finish = (answer) => { dialog.close(); dialog.remove(); done(answer); };
    const inner = element("form", { method: "dialog", novalidate: true, class: "stack", onsubmit: (event) => {
      event.preventDefault();
      const answer = {};
      for (const field of fields.filter(({ type }) => type !== "whole-days")) {
        const read = valueOf(field, inputs.get(field.name), answer);
        if (read.error) {
          error.textContent = read.error;
          error.hidden = false;
          inputs.get(field.name).focus();
          return;
        }
        answer[field.name] = read.value;
      }
      finish(answer);
    } },
    element("h2", { class: "asking-title" }, title), ...rows, extra, error,
    element("div", { class: "row spread" },
      element("span", { class: "row" }, element("button", {}, act), element("button", { type: "button", class: "second", onclick: () => finish(null) }, say("cancel"))),
      remove ? element("button", { type: "button", class: "second grave", onclick: () => finish("remove") }, remove) : null));
    dialog.append(inner);
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(null); });
    dialog.addEventListener("mousedown", (event) => { if (event.target === dialog) finish(null); });
    document.body.append(dialog);
    fields.filter((field) => field.type === "whole-days").forEach((field) => inputs.get(field.name).mark());
    dialog.showModal();
    place(dialog, near);
    const picked = dialog.querySelector(".pick[aria-pressed=true]");
    const first = picked || [...inputs.values()][0];
    if (first) { first.focus(); if (first.select) first.select(); }
  });
}

function inputOf(field, id, value) {
  const shown = value === null || value === undefined ? "" : String(value);
  if (field.type === "text-area") {
    const area = element("textarea", { id, rows: 3 });
    area.value = shown;
    return area;
  }
  if (field.type === "select") {
    return element("select", { id, onkeydown: (event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); event.target.form.requestSubmit(); } } }, ...field.choices.map(([key, word]) => element("option", { value: key, selected: key === shown }, word)));
  }
  if (field.type === "datetime-local" && shown && !/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(shown)) return inputOf({ ...field, type: "text" }, id, value);
  // An address is read as people write it, so the browser's own check of it would be in the way.
  const type = field.type === "url" || field.type === "email" ? "text" : field.type || "text";
  const input = element("input", { id, type, inputmode: field.type === "url" ? "url" : undefined, autocomplete: "off", required: field.required, maxlength: type === "text" ? 2000 : undefined });
  input.value = field.type === "datetime-local" ? shown.slice(0, 16) : shown;
  return input;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const MINUTE = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;

/** A box that says whether the dates of the form are days without hours; its hours come back when it is cleared. */
function wholeDays(field, id, inputs, values) {
  const dates = Object.entries(field.dates), given = dates.map(([name]) => String(values[name] || "")).filter(Boolean);
  const box = element("input", { type: "checkbox", id, checked: given.length > 0 && given.every((value) => DAY.test(value)) });
  const hours = new Map(dates.map(([name, each]) => [name, each.hour]));
  const mark = () => {
    for (const [name, each] of dates) {
      const input = inputs.get(name), typed = input.value.trim();
      document.querySelector(`label[for="${input.id}"]`)?.replaceChildren(say(box.checked ? each.wholeWord : each.word));
      const has = box.checked ? "date" : "datetime-local";
      if (input.type === has || (typed && !DAY.test(typed) && !MINUTE.test(typed))) continue;
      if (box.checked && MINUTE.test(typed)) hours.set(name, typed.slice(11));
      input.type = has;
      input.value = !typed ? "" : box.checked ? typed.slice(0, 10) : `${typed.slice(0, 10)}T${hours.get(name)}`;
    }
  };
  box.addEventListener("change", mark);
  inputs.set(field.name, Object.assign(box, { mark }));
  return element("label", { class: "check", for: id }, box, say(field.word));
}

/** Buttons for the values that are there already, kind by kind; what is typed stays possible below them. */
function groupedChoices(field, input, id) {
  /** @type {[HTMLElement, string][]} */
  const buttons = [];
  const mark = () => buttons.forEach(([button, value]) => button.setAttribute("aria-pressed", String(input.value.trim() === value)));
  const buttonOf = ([value, word, state = ""]) => {
    const button = element("button", { type: "button", class: `pick ${state}`.trim(), onclick: () => { input.value = value; mark(); } }, word);
    buttons.push([button, value]);
    return button;
  };
  const groups = field.groups.map(([label, choices]) => element("div", { class: "picks", role: "group", "aria-label": label || undefined },
    label ? element("span", { class: "picks-label", "aria-hidden": "true" }, label) : null, ...choices.map(buttonOf)));
  const more = field.more ? element("button", { type: "button", class: "second small", onclick: () => field.more.act((choice) => {
    groups[0].append(buttonOf(choice));
    input.value = choice[0];
    mark();
  }) }, say(field.more.word)) : null;
  input.addEventListener("input", mark);
  mark();
  return element("div", { class: "field", role: "group", "aria-label": say(field.word) },
    element("div", { class: "pick-groups" }, ...groups), more,
    element("details", {}, element("summary", {}, say(field.folded)), element("label", { class: "hidden-visually", for: id }, say(field.inner)), input));
}

function valueOf(field, input, before) {
  const typed = input.value.trim(), first = field.from ? before[field.from] : "";
  if (typed && first && typed.length === first.length && typed < first) return { error: say("endsFirst") };
  if (!typed && field.required) return { error: say("needed", { field: say(field.word) }) };
  if (field.type === "url" && typed) {
    const url = addressOf(typed);
    return url ? { value: url } : { error: say("noAddress") };
  }
  if (field.type === "number") return { value: Number(typed || 0) };
  return { value: !typed && field.empty !== undefined ? field.empty : field.type === "text-area" ? input.value : typed };
}

/** Beside what it is about, and wholly on the screen; at the bottom of a telephone by its sheet. */
function place(dialog, near) {
  if (!near || window.innerWidth < 640) return;
  const box = dialog.getBoundingClientRect(), room = 8;
  const below = near.bottom + room, above = near.top - box.height - room;
  const top = below + box.height < window.innerHeight ? below : Math.max(room, above);
  dialog.style.margin = "0";
  dialog.style.top = `${Math.max(room, top)}px`;
  dialog.style.left = `${Math.min(Math.max(room, near.left), window.innerWidth - box.width - room)}px`;
}
