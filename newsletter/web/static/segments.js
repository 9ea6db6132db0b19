// Redraws the conditions when what they ask changes, and counts as they are filled in.
"use strict";
const saved = /** @type {HTMLElement | null} */ (document.querySelector("[data-saved-segment]"));
if (saved) {
  // The page of an issue from which it was built waits for it, and chooses it.
  const channel = new BroadcastChannel("segments");
  channel.postMessage({ newsletter: saved.dataset.newsletter, name: saved.dataset.savedSegment });
  channel.close();
  if (window.name === "segment-builder" && window.opener) window.close();
}
const form = /** @type {HTMLFormElement | null} */ (document.getElementById("segment"));
if (form) {
  const stale = new Set();
  let timer = 0;
  let asked = 0;
  document.documentElement.classList.add("scripted");

  /** @param {Document} page */
  const replace = (page) => {
    const { name, selectionStart } = /** @type {HTMLInputElement} */ (document.activeElement);
    for (const part of stale) {
      const fresh = page.getElementById(part);
      if (fresh) document.getElementById(part)?.replaceWith(fresh);
    }
    stale.clear();
    const focused = name && form.elements.namedItem(name);
    if (!(focused instanceof HTMLElement) || focused === document.activeElement) return;
    focused.focus();
    if (focused.matches("input:not([type=date]), textarea")) {
      /** @type {HTMLInputElement} */ (focused).setSelectionRange(selectionStart, selectionStart);
    }
  };

  /** @param {...string} parts */
  const ask = async (...parts) => {
    clearTimeout(timer);
    parts.forEach((part) => stale.add(part));
    const number = (asked += 1);
    const data = new FormData(form);
    data.set("do", stale.has("builder") ? "subject" : "show");
    const body = new URLSearchParams([...data].map(([name, value]) => [name, String(value)]));
    const headers = { Accept: "text/html, application/json" };
    const answer = await fetch(form.action, { method: "POST", body, headers }).catch(() => null);
    if (number !== asked) return;
    if (answer && answer.status === 401) document.dispatchEvent(new Event("signed-out"));
    if (!answer || answer.status >= 500) {
      timer = setTimeout(ask, 2_000);
      return;
    }
    if (!(answer.ok || answer.status === 422)) return;
    const text = await answer.text();
    // What was typed meanwhile is asked anew; an answer from before it would undo it.
    if (number !== asked) return;
    replace(new DOMParser().parseFromString(text, "text/html"));
  };

  form.addEventListener("input", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.matches("#text, [name='name']")) return;
    asked += 1;
    // Until it is counted anew, the number is of what was asked before.
    document.getElementById("found-now")?.setAttribute("aria-busy", "true");
    if (target.matches("[data-redraws]")) {
      ask("builder", "found-now", "examples");
    } else {
      clearTimeout(timer);
      timer = setTimeout(() => ask("found-now", "examples", "query-text"), 400);
    }
  });
}
