/** What the page hands the editor: its elements, words, addresses. */
/** @import { Attributes, Child, Fault, Issue, Offered } from "./types.js" */

/** An element that the page has, by its id. @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const read = (id) => {
  const held = document.getElementById(id);
  return held ? JSON.parse(held.textContent || "null") : null;
};

export const desk = byId("desk");
export const form = /** @type {HTMLFormElement} */ (byId("write"));
/**
 * What the desk has to choose from; nothing on a page that has none.
 *
 * @template {keyof Offered} Name
 * @param {Name} name
 * @returns {Offered[Name]}
 */
export const offered = (name) => JSON.parse((desk && desk.dataset[name]) || "[]");
/**
 * The issue as the page has it; null where it is shown as Markdown.
 *
 * @type {{ issue: Issue, template: string } | null}
 */
export const given = read("issue-value");
/** @type {Record<string, string>} */
export const words = read("editor-words") || {};
export const inJapanese = document.documentElement.lang === "ja";

/**
 * Fill a sentence's braces.
 *
 * @param {string} name
 * @param {Record<string, unknown>} [values]
 */
export const say = (name, values = {}) =>
  (words[name] || name).replace(/\{(\w+)\}/g, (_, /** @type {string} */ key) =>
    String(values[key] ?? ""),
  );

/** A word with what it is about, as a label. @param {string} name @param {string} of */
export const labelled = (name, of) => `${name}${inJapanese ? "：" : ": "}${of}`;

/** Sentences one behind another. @param {string[]} each */
export const running = (...each) => each.filter(Boolean).join(inJapanese ? "" : " ");

/** A text as it is compared with what is sought in it. @param {string} text */
export const folded = (text) => text.normalize("NFKC").toLowerCase();
/**
 * What the server refuses, in words; none where it answered nothing that can be read.
 *
 * @param {Fault | null} fault
 */
export const wordsOf = (fault) => (fault && fault.what ? running(fault.what, fault.remedy) : "");

/** Tell people who hear the page. @param {string} sentence */
export function announce(sentence) {
  const region = document.getElementById("announcement");
  if (!region || !sentence) return;
  region.textContent = "";
  requestAnimationFrame(() => {
    region.textContent = sentence;
  });
}

/** All elements that a selector finds. @param {string} selector */
export const all = (selector) => [
  .../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector)),
];
/** An input by its id. @param {string} id */
export const inputById = (id) => /** @type {HTMLInputElement} */ (byId(id));
/** @param {string} name */
const inputOf = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/** Whether an answer says that nobody is signed in, or somebody else. @param {Response} answer */
export const isSignedOut = (answer) => [401, 403].includes(answer.status);

/**
 * Show what the page says where a session ended, if an answer says so.
 *
 * @param {Response | null} answer
 */
export function tellSignedOut(answer) {
  if (answer && answer.status === 401) document.dispatchEvent(new Event("signed-out"));
}

/**
 * Ask the server, by the draft's own addresses.
 *
 * Whoever was signed out and signs in again, in another window, has other tokens for forms: they
 * are fetched once an answer says so, and the page goes on with what is typed in it.
 *
 * @param {string} path
 * @param {BodyInit} body
 */
export const post = (path, body) => postTo(String(desk.dataset.here) + path, body);

/**
 * Ask the server, as `post` does, by any address of it.
 *
 * @param {string} address
 * @param {BodyInit} body
 */
export async function postTo(address, body) {
  const here = String(desk.dataset.here),
    ask = () =>
      fetch(address, {
        method: "POST",
        body,
        headers: { "X-CSRF-Token": inputOf("csrf").value, Accept: "application/json" },
      });
  const answer = await ask();
  tellSignedOut(answer);
  if (answer.status !== 403) return answer;
  const page = await fetch(here);
  if (!page.ok || page.redirected) return answer;
  const fresh = new DOMParser()
    .parseFromString(await page.text(), "text/html")
    .querySelector('input[name="csrf"]');
  const token = fresh instanceof HTMLInputElement ? fresh.value : "";
  if (!token || token === inputOf("csrf").value) return answer;
  /** @type {HTMLInputElement[]} */ (all('input[name="csrf"]')).forEach((field) => {
    field.value = token;
  });
  return ask();
}

/**
 * Do something once nothing was asked of it for a while.
 *
 * @param {number} wait
 * @param {() => void} act
 */
export const debounce = (wait, act) => {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
};

/** @param {Date | number} at @param {string} language @param {Intl.DateTimeFormatOptions} options */
const formatted = (at, language, options) =>
  new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, options).format(at);

/**
 * A day as mail has it, in whatever language: `newsletter/i18n/formats.py` follows the same data.
 *
 * @param {Date} day
 * @param {string} language
 * @param {Intl.DateTimeFormatOptions} options
 */
export const formatDay = (day, language, options) =>
  formatted(day, language, { ...options, timeZone: "UTC" });

/** A moment by this device's clock, as pages write it. @param {number} at */
export const formatMoment = (at) =>
  formatted(at, document.documentElement.lang, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });

/**
 * Make an element; `on…` names are listeners, others are attributes.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on"))
      made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((each) => each !== null && each !== undefined));
  return made;
}

/** What is typed in a form, without files. @param {HTMLFormElement} typed */
export const fieldsOf = (typed) =>
  new URLSearchParams([...new FormData(typed)].map(([name, value]) => [name, String(value)]));

/**
 * Write another page into a frame; it stays where it was scrolled to.
 *
 * @param {Document} inner
 * @param {string} html
 */
export function redraw(inner, html) {
  const top = inner.scrollingElement ? inner.scrollingElement.scrollTop : 0;
  inner.documentElement.innerHTML = html;
  if (inner.scrollingElement) inner.scrollingElement.scrollTop = top;
}

const SVG = "http://www.w3.org/2000/svg";
/** Draw one of the icons, each a path in a square of 24. @param {string} path */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg"),
    line = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
