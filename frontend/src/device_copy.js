/**
 * What is not saved yet, kept on this device: a tab that is closed, a browser that ends, a
 * connection or session that is lost, cost no text. Each page that is open keeps one copy of its
 * own; what a page left behind is offered when the same person opens the same draft again; nothing
 * is kept of who signed out in another tab.
 */
import { byId, debounce, desk, formatMoment, inputById, say } from "./page.js";
/** @import { Copy } from "./types.js" */

const PREFIX = "unsaved/";
/* Copies of one draft by one person. */
const OURS = `${PREFIX}${desk.dataset.account}${desk.dataset.here}/`;
const KEY = OURS + crypto.getRandomValues(new Uint32Array(2)).join("-");
/* Longer texts are not kept, nor older copies: a site has 5 MB in all. */
const LONGEST = 1_000_000,
  OLDEST = 30 * 24 * 3600 * 1000;

/** @returns {[string, Copy][]} */
function readAll() {
  /** @type {[string, Copy][]} */
  const found = [];
  for (let number = localStorage.length - 1; number >= 0; number -= 1) {
    const key = localStorage.key(number);
    if (!key || !key.startsWith(PREFIX)) continue;
    try {
      const copy = JSON.parse(localStorage.getItem(key) || "null");
      if (copy.at > Date.now() - OLDEST) {
        found.push([key, copy]);
        continue;
      }
    } catch {
      /* It is none. */
    }
    localStorage.removeItem(key);
  }
  return found.sort(([, one], [, other]) => other.at - one.at);
}

/** Names of the copies whose page is still open: it saves them itself. */
async function openPages() {
  if (!navigator.locks) return new Set();
  navigator.locks.request(KEY, () => new Promise(() => {}));
  return new Set(((await navigator.locks.query()).held || []).map((lock) => lock.name));
}

/** @param {() => Copy | null} read what is to be kept; null while all is saved. */
export function keepCopy(read) {
  /** @param {() => void} act */
  const inStorage = (act) => {
    try {
      act();
    } catch {
      /* No room, or none that this page may use. */
    }
  };
  const forget = () => inStorage(() => localStorage.removeItem(KEY));
  const write = () =>
    inStorage(() => {
      const copy = localStorage.getItem("signed-in") === desk.dataset.account && read(),
        text = copy && JSON.stringify(copy);
      if (text && text.length <= LONGEST) localStorage.setItem(KEY, text);
      // What was kept is older than what is typed now: to offer it would be no help.
      else if (text) forget();
    });
  window.addEventListener("pagehide", write);
  document.addEventListener("visibilitychange", write);
  return { forget, writeSoon: debounce(300, write) };
}

/**
 * Offer what another page of the same draft left behind.
 *
 * @param {Record<string, string>} fields what the page shows.
 * @param {(copy: Copy) => Promise<boolean>} restore shows it; answers whether it could.
 */
export async function offerCopy(fields, restore) {
  try {
    const open = await openPages();
    const [newest, ...older] = readAll().filter(([key]) => key.startsWith(OURS) && !open.has(key));
    older.forEach(([key]) => localStorage.removeItem(key));
    if (newest) show(newest[0], newest[1], fields, restore);
  } catch {
    /* This page may keep nothing. */
  }
}

/**
 * Say so, beside what can be done about it.
 *
 * @param {string} key
 * @param {Copy} copy
 * @param {Record<string, string>} fields
 * @param {(copy: Copy) => Promise<boolean>} restore
 */
function show(key, copy, fields, restore) {
  const forget = () => {
    localStorage.removeItem(key);
    box.hidden = true;
  };
  const box = byId("unsaved");
  // It arrived, but the answer that it did was not heard.
  if (
    copy.fields.issue
      ? copy.fields.issue === fields.issue
      : copy.fields.text === inputById("text").value
  ) {
    forget();
    return;
  }
  byId("unsaved-words").textContent = say("unsaved", { time: formatMoment(copy.at) });
  byId("unsaved-restore").onclick = async () => {
    if (await restore(copy)) forget();
  };
  byId("unsaved-discard").onclick = forget;
  box.hidden = false;
}
