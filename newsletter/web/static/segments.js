// Redraws the conditions when what they ask changes, and counts as they are filled in.
"use strict";
const saved = document.querySelector("[data-saved-segment]");
if (saved) {
  // The page of an issue from which it was built waits for it, and chooses it.
  const channel = new BroadcastChannel("segments");
  channel.postMessage({ newsletter: saved.dataset.newsletter, name: saved.dataset.savedSegment });
  channel.close();
  if (window.name === "segment-builder" && window.opener) window.close();
}
if (document.getElementById("segment")) {
  const form = document.getElementById("segment");
  const stale = new Set();
  let timer = 0;
  let asked = 0;
  document.documentElement.classList.add("scripted");

  const replace = (page) => {
    const { name, selectionStart } = document.activeElement;
    for (const part of stale) {
      const fresh = page.getElementById(part);
      if (fresh) document.getElementById(part).replaceWith(fresh);
    }
    stale.clear();
    const focused = name && form.elements[name];
    if (!focused || focused === document.activeElement || !focused.focus) return;
    focused.focus();
    if (focused.matches("input:not([type=date]), textarea")) {
      focused.setSelectionRange(selectionStart, selectionStart);
    }
  };

  const ask = async (...parts) => {
    clearTimeout(timer);
    parts.forEach((part) => stale.add(part));
    const number = (asked += 1);
    const data = new FormData(form);
    data.set("do", stale.has("builder") ? "subject" : "show");
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data) });
    if (!(answer.ok || answer.status === 422)) return;
    const text = await answer.text();
    // What was typed meanwhile is asked anew; an answer from before it would undo it.
    if (number !== asked) return;
    replace(new DOMParser().parseFromString(text, "text/html"));
  };

  form.addEventListener("input", (event) => {
    if (event.target.matches("#text, [name='name']")) return;
    asked += 1;
    if (event.target.matches("[data-redraws]")) {
      ask("builder", "found-now");
    } else {
      clearTimeout(timer);
      timer = setTimeout(() => ask("found-now", "query-text"), 400);
    }
  });
}
