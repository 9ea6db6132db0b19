/** What the page hands the editor: its elements, words, addresses. */

/** An element that the page has, by its id. */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const read = (id) => { const held = document.getElementById(id); return held ? JSON.parse(held.textContent || "null") : null; };

export const desk = byId("desk");
export const form = /** @type {HTMLFormElement} */ (byId("write"));
export const given = read("issue-value");
/** @type {Record<string, string>} */
export const words = read("editor-words") || {};
export const inJapanese = document.documentElement.lang === "ja";

/** Fill a sentence's braces. */
export const say = (name, values = {}) => (words[name] || name).replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));

/** Tell people who hear the page. */
export function announce(sentence) {
  const region = document.getElementById("announcement");
  if (!region || !sentence) return;
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = sentence; });
}

/** All elements that a selector finds. @returns {HTMLElement[]} */
export const all = (selector) => [...document.querySelectorAll(selector)];
/** An input by its id. */
export const inputById = (id) => /** @type {HTMLInputElement} */ (byId(id));
const inputOf = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/**
 * Ask the server, by the draft's own addresses.
 *
 * Whoever was signed out and signs in again, in another window, has other tokens for forms: they
 * are fetched once an answer says so, and the page goes on with what is typed in it.
 */
export async function post(path, body) {
  const here = String(desk.dataset.here), ask = () => fetch(here + path, {
    method: "POST", body, headers: { "X-CSRF-Token": inputOf("csrf").value, Accept: "application/json" },
  });
  const answer = await ask();
  if (answer.status !== 403) return answer;
  const page = await fetch(here);
  if (!page.ok || page.redirected) return answer;
  const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector('input[name="csrf"]');
  const token = fresh instanceof HTMLInputElement ? fresh.value : "";
  if (!token || token === inputOf("csrf").value) return answer;
  /** @type {HTMLInputElement[]} */ (all('input[name="csrf"]')).forEach((field) => { field.value = token; });
  return ask();
}

/** Do something once nothing was asked of it for a while. */
export const after = (wait, act) => { let timer; return () => { clearTimeout(timer); timer = setTimeout(act, wait); }; };

/** Make an element; `on…` names are listeners, others are attributes. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((each) => each !== null && each !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";
/** Draw one of the icons, each a path in a square of 24. */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
