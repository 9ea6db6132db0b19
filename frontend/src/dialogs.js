/** Forms over the page: a link's address, a picture's words, an event's fields. */
import { element, say } from "./page.js";
/** @import { Answer, Choice, Field, FieldValue, GroupedField, InputField } from "./types.js" */
/** @import { SelectField, ValueField, WholeDaysField } from "./types.js" */

const SAFE = /^(https?:\/\/|mailto:|tel:)/i;

/**
 * An address as typed, with the scheme that people leave out; empty when it is none.
 *
 * @param {string} typed
 */
export function addressOf(typed) {
  const url = typed.trim();
  if (!url || SAFE.test(url)) return url;
  if (/^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/.test(url)) return `mailto:${url}`;
  if (/^[+0-9][0-9\s()-]{6,}$/.test(url)) return `tel:${url.replace(/[\s()]/g, "")}`;
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return "";
  return /^[^\s/]+\.[^\s/]{2,}/.test(url) ? `https://${url}` : "";
}

/**
 * Let a dialog be left by Escape, and by a press beside it.
 *
 * @param {HTMLDialogElement} dialog
 * @param {() => void} leave
 */
export function letLeave(dialog, leave) {
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });
  dialog.addEventListener("mousedown", (event) => {
    if (event.target === dialog) leave();
  });
}

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input */

/**
 * Ask for some fields beside what they are about.
 *
 * @template {Answer} [Given=Answer] what the fields are, by their names
 * @param {{
 *   title: string,
 *   fields: Field[],
 *   values: NoInfer<Partial<Given>>,
 *   near?: DOMRect,
 *   act?: string,
 *   remove?: string,
 *   extra?: HTMLElement | null,
 *   fault?: string,
 * }} asked `fault` is why what was answered before was refused
 * @returns {Promise<Given | "remove" | null>} null when it was left.
 */
export function ask({
  title,
  fields,
  values,
  near,
  act = say("apply"),
  remove = "",
  extra = null,
  fault = "",
}) {
  return new Promise((done) => {
    /** @type {Map<string, Input>} */
    const inputs = new Map();
    /** What can be done once the rows stand in the page. @type {(() => void)[]} */
    const onceThere = [];
    const error = element("p", { class: "error", role: "alert", hidden: !fault }, fault);
    const rows = fields.map((field) =>
      field.type === "whole-days"
        ? wholeDays(field, inputs, values, onceThere)
        : rowOf(field, inputs, values),
    );
    const dialog = element("dialog", { class: "asking", "aria-label": title });
    /** @param {Given | "remove" | null} answer */
    const finish = (answer) => {
      dialog.close();
      dialog.remove();
      done(answer);
    };
    const inner = element(
      "form",
      {
        method: "dialog",
        novalidate: true,
        class: "stack",
        onsubmit: (event) => {
          event.preventDefault();
          const answer = readAnswer(fields, inputs, error);
          if (answer) finish(/** @type {Given} */ (answer));
        },
      },
      element("h2", { class: "asking-title" }, title),
      ...rows,
      extra,
      error,
      element(
        "div",
        { class: "row spread" },
        element(
          "span",
          { class: "row" },
          element("button", {}, act),
          element(
            "button",
            { type: "button", class: "second", onclick: () => finish(null) },
            say("cancel"),
          ),
        ),
        remove
          ? element(
              "button",
              { type: "button", class: "second grave", onclick: () => finish("remove") },
              remove,
            )
          : null,
      ),
    );
    dialog.append(inner);
    letLeave(dialog, () => finish(null));
    document.body.append(dialog);
    onceThere.forEach((each) => each());
    dialog.showModal();
    place(dialog, near);
    focusFirst(dialog, inputs);
  });
}

/**
 * A field with its label and what helps to fill it in.
 *
 * @param {ValueField} field
 * @param {Map<string, Input>} inputs
 * @param {Partial<Answer>} values
 */
function rowOf(field, inputs, values) {
  const id = `ask-${field.name}`,
    value = values[field.name],
    shown = value === null || value === undefined ? "" : String(value);
  if ("groups" in field) {
    const line = lineInput(field, id, shown);
    inputs.set(field.name, line);
    return groupedChoices(field, line, id);
  }
  const input = inputOf(field, id, shown),
    hint = field.hint
      ? element("span", { class: "hint", id: `${id}-hint` }, say(field.hint))
      : null;
  inputs.set(field.name, input);
  if (hint) input.setAttribute("aria-describedby", hint.id);
  return element(
    "div",
    { class: "field" },
    element(
      "label",
      { for: id },
      say(field.word),
      field.optional ? element("span", { class: "quiet" }, say("optional")) : null,
    ),
    hint,
    input,
  );
}

/**
 * What was filled in; null where a field is wrong, which is said, and goes on to be filled in.
 *
 * @param {Field[]} fields
 * @param {Map<string, Input>} inputs
 * @param {HTMLElement} error
 */
function readAnswer(fields, inputs, error) {
  /** @type {Answer} */
  const answer = {};
  for (const field of fields) {
    const input = inputs.get(field.name);
    if (field.type === "whole-days" || !input) continue;
    const read = valueOf(field, input, answer);
    if ("error" in read) {
      error.textContent = read.error;
      error.hidden = false;
      input.focus();
      return null;
    }
    answer[field.name] = read.value;
  }
  return answer;
}

/**
 * Begin with what is chosen already, else with the first field.
 *
 * @param {HTMLDialogElement} dialog
 * @param {Map<string, Input>} inputs
 */
function focusFirst(dialog, inputs) {
  /** @type {HTMLElement | null} */
  const picked = dialog.querySelector(".pick[aria-pressed=true]");
  const first = picked || [...inputs.values()][0];
  if (!first) return;
  first.focus();
  if (first instanceof HTMLInputElement || first instanceof HTMLTextAreaElement) first.select();
}

/**
 * @param {InputField | SelectField} field
 * @param {string} id
 * @param {string} shown
 * @returns {Input}
 */
function inputOf(field, id, shown) {
  if (field.type === "select") {
    const select = element(
      "select",
      { id },
      ...field.choices.map(([key, word]) =>
        element("option", { value: key, selected: key === shown }, word),
      ),
    );
    select.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) {
        event.preventDefault();
        select.form?.requestSubmit();
      }
    });
    return select;
  }
  if (field.type !== "text-area") return lineInput(field, id, shown);
  const area = element("textarea", { id, rows: 3 });
  area.value = shown;
  return area;
}

/** @param {InputField | GroupedField} field @param {string} id @param {string} shown */
function lineInput(field, id, shown) {
  // An address is read as people write it, so the browser's own check of it would be in the way; a
  // date that is written in words stays so.
  const isText =
    field.type === "url" ||
    field.type === "email" ||
    (field.type === "datetime-local" && shown && !/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(shown));
  const type = isText ? "text" : field.type || "text";
  const input = element("input", {
    id,
    type,
    inputmode: field.type === "url" ? "url" : undefined,
    autocomplete: "off",
    required: field.required,
    maxlength: type === "text" ? 2000 : undefined,
  });
  input.value = type === "datetime-local" ? shown.slice(0, 16) : shown;
  return input;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const MINUTE = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;

/**
 * A box that says whether the dates of the form are days without hours; its hours come back when it
 * is cleared.
 *
 * @param {WholeDaysField} field
 * @param {Map<string, Input>} inputs
 * @param {Partial<Answer>} values
 * @param {(() => void)[]} onceThere
 */
function wholeDays(field, inputs, values, onceThere) {
  const id = `ask-${field.name}`,
    dates = Object.entries(field.dates),
    given = dates.map(([name]) => String(values[name] || "")).filter(Boolean);
  const box = element("input", {
    type: "checkbox",
    id,
    checked: given.length > 0 && given.every((value) => DAY.test(value)),
  });
  const hours = new Map(dates.map(([name, each]) => [name, each.hour]));
  const mark = () => {
    for (const [name, each] of dates) {
      const input = inputs.get(name);
      if (!(input instanceof HTMLInputElement)) continue;
      const typed = input.value.trim();
      const label = document.querySelector(`label[for="${input.id}"]`);
      label?.replaceChildren(say(box.checked ? each.wholeWord : each.word), ...label.children);
      const has = box.checked ? "date" : "datetime-local";
      if (input.type === has || (typed && !DAY.test(typed) && !MINUTE.test(typed))) continue;
      if (box.checked && MINUTE.test(typed)) hours.set(name, typed.slice(11));
      input.type = has;
      input.value = !typed
        ? ""
        : box.checked
          ? typed.slice(0, 10)
          : `${typed.slice(0, 10)}T${hours.get(name)}`;
    }
  };
  box.addEventListener("change", mark);
  inputs.set(field.name, box);
  onceThere.push(mark);
  return element("label", { class: "check", for: id }, box, say(field.word));
}

/**
 * Buttons for the values that are there already, kind by kind; what is typed stays possible below
 * them.
 *
 * @param {GroupedField} field
 * @param {HTMLInputElement} input
 * @param {string} id
 */
function groupedChoices(field, input, id) {
  /** @type {[HTMLElement, string][]} */
  const buttons = [];
  const mark = () =>
    buttons.forEach(([button, value]) =>
      button.setAttribute("aria-pressed", String(input.value.trim() === value)),
    );
  /** @param {Choice} choice */
  const buttonOf = ([value, word, state = ""]) => {
    const button = element(
      "button",
      {
        type: "button",
        class: `pick ${state}`.trim(),
        onclick: () => {
          input.value = value;
          mark();
        },
      },
      word,
    );
    buttons.push([button, value]);
    return button;
  };
  const groups = field.groups.map(([label, choices]) =>
    element(
      "div",
      { class: "picks", role: "group", "aria-label": label || undefined },
      label ? element("span", { class: "picks-label", "aria-hidden": "true" }, label) : null,
      ...choices.map(buttonOf),
    ),
  );
  const { more } = field;
  const another = more
    ? element(
        "button",
        {
          type: "button",
          class: "second small",
          onclick: () =>
            more.act((choice) => {
              groups[0].append(buttonOf(choice));
              input.value = choice[0];
              mark();
            }),
        },
        say(more.word),
      )
    : null;
  input.addEventListener("input", mark);
  mark();
  return element(
    "div",
    { class: "field", role: "group", "aria-label": say(field.word) },
    element("div", { class: "pick-groups" }, ...groups),
    another,
    element(
      "details",
      {},
      element("summary", {}, say(field.folded)),
      element("label", { class: "hidden-visually", for: id }, say(field.inner)),
      input,
    ),
  );
}

/**
 * The value of a field, or what is wrong with it.
 *
 * @param {ValueField} field
 * @param {Input} input
 * @param {Answer} before what was read of the fields before it
 * @returns {{ value: FieldValue } | { error: string }}
 */
function valueOf(field, input, before) {
  const typed = input.value.trim(),
    first = field.from ? String(before[field.from] ?? "") : "";
  if (typed && first && typed.length === first.length && typed < first)
    return { error: say("endsFirst") };
  if (!typed && field.required) return { error: say("needed", { field: say(field.word) }) };
  if (field.type === "url" && typed) {
    const url = addressOf(typed);
    return url ? { value: url } : { error: say("noAddress") };
  }
  if (field.type === "number") return { value: Number(typed || 0) };
  return {
    value:
      !typed && field.empty !== undefined
        ? field.empty
        : field.type === "text-area"
          ? input.value
          : typed,
  };
}

/**
 * Beside what it is about, and wholly on the screen; at the bottom of a telephone by its sheet.
 *
 * @param {HTMLDialogElement} dialog
 * @param {DOMRect | undefined} near
 */
function place(dialog, near) {
  if (!near || window.innerWidth < 640) return;
  const box = dialog.getBoundingClientRect(),
    room = 8;
  const below = near.bottom + room,
    above = near.top - box.height - room;
  // What it is about may have been pushed off the screen, as by a picture that came meanwhile.
  const lowest = window.innerHeight - box.height - room,
    top = below <= lowest ? below : Math.min(above, lowest);
  dialog.style.margin = "0";
  dialog.style.top = `${Math.max(room, top)}px`;
  dialog.style.left = `${Math.min(Math.max(room, near.left), window.innerWidth - box.width - room)}px`;
}
