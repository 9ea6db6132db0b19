/* The desk: shows the mail as the text is typed, saves by itself, leads from a finding to its line. */
"use strict";
(() => {
  const desk = document.getElementById("desk");
  const form = document.getElementById("write");
  const text = document.getElementById("text");
  const frame = document.getElementById("mail");
  const words = document.getElementById("words");
  const state = document.getElementById("state");
  const fault = document.getElementById("fault");
  const conflict = document.getElementById("conflict");
  const csrf = form.elements.csrf.value;
  let look = "desktop", shown = null, asked = 0, saved = text.value, saving = false, halted = false;

  const post = (path, values) => fetch(desk.dataset.here + path, {
    method: "POST", body: new URLSearchParams(values),
    headers: { "X-CSRF-Token": csrf, "Accept": "application/json" },
  });
  const after = (wait, act) => { let timer; return () => { clearTimeout(timer); timer = setTimeout(act, wait); }; };

  const tell = (told) => {
    fault.hidden = !told;
    fault.replaceChildren();
    if (!told) return;
    if (told.line) {
      const link = document.createElement("a");
      link.href = "#text"; link.dataset.line = told.line;
      link.textContent = document.documentElement.lang === "ja" ? `${told.line}${desk.dataset.line}` : `${desk.dataset.line} ${told.line}`;
      fault.append(link, ": ");
    }
    fault.append(`${told.what} ${told.remedy}`);
  };
  const draw = () => {
    const asWords = look === "plain" || look === "source";
    frame.hidden = asWords; words.hidden = !asWords;
    frame.classList.toggle("phone", look === "phone");
    if (!shown || shown.html === undefined) return;
    words.textContent = look === "plain" ? shown.text : shown.html;
    document.getElementById("subject").textContent = shown.subject;
    document.getElementById("preheader").textContent = shown.preheader;
    const inner = frame.contentDocument;
    if (!inner || !inner.documentElement) return;
    const top = inner.scrollingElement ? inner.scrollingElement.scrollTop : 0;
    inner.documentElement.innerHTML = shown.html;
    if (inner.scrollingElement) inner.scrollingElement.scrollTop = top;
  };
  const preview = async () => {
    const mine = ++asked;
    try {
      const answer = await post("/preview", { text: text.value, reader: document.getElementById("reader").value, dark: look === "dark" });
      if (mine !== asked || (!answer.ok && answer.status !== 422)) return;
      const told = await answer.json();
      if (answer.status === 422) { tell(told); return; }
      tell(null);
      shown = told;
      document.getElementById("findings").innerHTML = told.findings;
      draw();
    } catch { /* Saving tells when the server does not answer. */ }
  };
  const save = async () => {
    if (saving || halted || text.value === saved) return;
    const value = text.value;
    saving = true; state.textContent = desk.dataset.saving;
    try {
      const answer = await post("", { text: value, revision: form.elements.revision.value });
      if (answer.ok && !answer.redirected) {
        const revision = (await answer.json()).revision;
        document.querySelectorAll('input[name="revision"]').forEach((field) => { field.value = revision; });
        saved = value;
        state.textContent = desk.dataset.saved;
      } else {
        state.textContent = desk.dataset.unsaved;
        if (answer.status === 409) { halted = true; conflict.hidden = false; }
      }
    } catch { state.textContent = desk.dataset.offline; } finally { saving = false; }
    if (text.value !== value) saveSoon();
  };
  const previewSoon = after(120, preview), saveSoon = after(1000, save);

  text.addEventListener("input", () => { state.textContent = desk.dataset.unsaved; previewSoon(); saveSoon(); });
  document.getElementById("reader").addEventListener("input", previewSoon);
  form.addEventListener("submit", () => { saved = text.value; });
  window.addEventListener("beforeunload", (event) => { if (text.value !== saved) event.preventDefault(); });
  document.querySelector(".looks").addEventListener("click", (event) => {
    const button = event.target.closest("[data-look]");
    if (!button) return;
    look = button.dataset.look;
    document.querySelectorAll("[data-look]").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
    draw(); preview();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    if (!link) return;
    event.preventDefault();
    const lines = text.value.split("\n"), index = Number(link.dataset.line) - 1;
    const start = lines.slice(0, index).join("\n").length + (index ? 1 : 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[index] || "").length);
    text.scrollTop = Math.max(0, index - 4) * parseFloat(getComputedStyle(text).lineHeight);
  });
  document.querySelector(".looks").hidden = false;
  document.querySelector(".reader").hidden = false;
  if (frame.contentDocument && frame.contentDocument.readyState === "complete") preview();
  frame.addEventListener("load", preview, { once: true });
})();
