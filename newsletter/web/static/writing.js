/* The desk: shows the mail as it is typed, saves by itself, leads from a finding to its place. */
const byId = (id) => document.getElementById(id);
const desk = byId("desk"), frame = byId("mail"), state = byId("state");
export const form = byId("write");
const csrf = form.elements.csrf.value;
const inJapanese = document.documentElement.lang === "ja";

/** Everything the form holds, but for what names its sender and its state. */
const value = () => {
  const fields = new URLSearchParams(new FormData(form));
  fields.delete("csrf"); fields.delete("revision");
  return fields.toString();
};
let look = "desktop", shown = null, waiting = null, asking = false, saved = value(), saving = null, halted = false;

const post = (path, body) => fetch(desk.dataset.here + path, {
  method: "POST", body, headers: { "X-CSRF-Token": csrf, Accept: "application/json" },
});
const withFields = (more) => {
  const fields = new URLSearchParams(value());
  for (const [name, text] of Object.entries(more)) fields.set(name, text);
  return fields;
};
const after = (wait, act) => { let timer; return () => { clearTimeout(timer); timer = setTimeout(act, wait); }; };

/* Faults, and the way to their places */
export const tell = (told) => {
  const fault = byId("fault");
  fault.hidden = !told;
  fault.replaceChildren();
  if (!told) return;
  if (told.line || told.block) {
    const link = document.createElement("a");
    if (told.block) { link.href = `#block-${told.block}`; link.dataset.block = told.block; link.textContent = desk.dataset.place; }
    else { link.href = "#text"; link.dataset.line = told.line; link.textContent = inJapanese ? `${told.line}${desk.dataset.line}` : `${desk.dataset.line} ${told.line}`; }
    fault.append(link, ": ");
  }
  fault.append(`${told.what} ${told.remedy}`);
};
const goToLine = (line) => {
  const text = byId("text"), lines = text.value.split("\n"), index = Number(line) - 1;
  const start = lines.slice(0, index).join("\n").length + (index ? 1 : 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[index] || "").length);
  text.scrollTop = Math.max(0, index - 4) * parseFloat(getComputedStyle(text).lineHeight);
};
const goToBlock = (name) => {
  const block = byId(`block-${name}`);
  if (!block) return;
  const folded = block.closest("details") || block.querySelector("details");
  if (folded) folded.open = true;
  block.scrollIntoView({ block: "center" });
  const field = block.querySelector('input:not([type="hidden"], .count), textarea');
  if (field) field.focus({ preventScroll: true });
};

/* Preview: one question at a time; what was typed meanwhile is asked about next. */
const draw = () => {
  const asWords = look === "plain" || look === "source", asInbox = look === "inbox";
  frame.hidden = asWords || asInbox; byId("words").hidden = !asWords; byId("inbox").hidden = !asInbox;
  frame.classList.toggle("phone", look === "phone");
  if (!shown || shown.html === undefined) return;
  byId("words").textContent = look === "plain" ? shown.text : shown.html;
  document.querySelectorAll("[data-shown]").forEach((each) => { each.textContent = shown[each.dataset.shown]; });
  const inner = frame.contentDocument;
  if (!inner || inner.URL === "about:blank") return;
  const top = inner.scrollingElement ? inner.scrollingElement.scrollTop : 0;
  inner.documentElement.innerHTML = shown.html;
  if (inner.scrollingElement) inner.scrollingElement.scrollTop = top;
};
const preview = async () => {
  waiting = withFields({ reader: byId("reader").value, dark: String(look === "dark") });
  if (asking) return;
  asking = true;
  try {
    while (waiting) {
      const fields = waiting;
      waiting = null;
      const answer = await post("/preview", fields);
      if (!answer.ok && answer.status !== 422) continue;
      const told = await answer.json();
      if (answer.status === 422) { tell(told); continue; }
      tell(null);
      shown = told;
      draw();
    }
    checkSoon();
  } catch { /* Saving tells when the server does not answer. */ } finally { asking = false; }
};
const previewSoon = after(60, preview);
/* Checking comes behind the picture, once the typing rests. */
const checkSoon = after(400, async () => {
  const answer = await post("/findings", withFields({})).catch(() => null);
  if (answer && answer.ok) byId("findings").innerHTML = await answer.text();
});

/* Saving: one at a time, in the order of typing. */
export const keepRevision = (revision) => {
  document.querySelectorAll('input[name="revision"]').forEach((field) => { field.value = revision; });
};
const send = async (more, wanted) => {
  state.textContent = desk.dataset.saving;
  try {
    const answer = await post("", withFields({ ...more, revision: byId("revision").value }));
    const told = answer.redirected ? {} : await answer.json();
    if (answer.ok && told.revision !== undefined) {
      keepRevision(told.revision);
      saved = wanted;
      state.textContent = desk.dataset.saved;
      return told;
    }
    state.textContent = desk.dataset.unsaved;
    if (answer.status === 422) tell(told);
    if (answer.status === 409) { halted = true; byId("conflict").hidden = false; }
  } catch { state.textContent = desk.dataset.offline; }
  return null;
};
const inTurn = async (act) => {
  while (saving) await saving;
  saving = act();
  try { return await saving; } finally { saving = null; }
};
export const save = () => inTurn(async () => {
  const wanted = value();
  if (halted || wanted === saved) return;
  await send({}, wanted);
  if (value() !== wanted) saveSoon();
});
const saveSoon = after(1000, save);
/** Save what is typed and press one of the form's buttons; null when it was refused. */
export const press = (button) => inTurn(async () => (halted ? null : send({ press: button }, value())));
/** Take what stands in the form for what is saved, after it was drawn anew. */
export const settle = () => { saved = value(); preview(); };
export const isTyped = () => value() !== saved;
export const changed = () => { state.textContent = desk.dataset.unsaved; previewSoon(); saveSoon(); };

form.addEventListener("input", changed);
/* Whatever leaves the page waits for what is being saved: else its revision would be an old one, and
   the editor would meet their own text as somebody else's. */
let leaving = false;
window.addEventListener("pageshow", () => { leaving = false; });
document.addEventListener("submit", async (event) => {
  const sent = event.target;
  if (event.defaultPrevented || !sent.elements.revision) return;
  if (leaving) { event.preventDefault(); return; }
  const takesTheText = sent === form;
  if (!saving && (takesTheText || !isTyped())) { leaving = true; saved = value(); return; }
  event.preventDefault();
  await save();
  if (isTyped() && !(takesTheText && halted)) return;
  const button = event.submitter;
  /* A finding's button may have been drawn anew meanwhile. */
  if (button && !button.isConnected) { button.hidden = true; sent.append(button); }
  sent.requestSubmit(button);
});
window.addEventListener("beforeunload", (event) => { if (isTyped()) event.preventDefault(); });
document.querySelector(".tabs").addEventListener("click", async (event) => {
  const link = event.target.closest("a");
  if (!link || !isTyped()) return;
  event.preventDefault();
  await save();
  if (!isTyped()) window.location.assign(link.href);
});
document.querySelector(".looks").addEventListener("click", (event) => {
  const button = event.target.closest("[data-look]");
  if (!button) return;
  const before = look;
  look = button.dataset.look;
  document.querySelectorAll("[data-look]").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
  draw();
  if ((before === "dark") !== (look === "dark")) preview();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-line], a[data-block]");
  if (!link || (link.dataset.line ? !byId("text") : !byId("blocks"))) return;
  event.preventDefault();
  if (link.dataset.line) goToLine(link.dataset.line); else goToBlock(link.dataset.block);
});

/* Looking as a subscriber: found by the beginning of an address or a name. */
const findReaders = after(200, async () => {
  const find = byId("reader").value;
  if (find.length < 2) return;
  const answer = await post("/readers", new URLSearchParams({ find }));
  if (!answer.ok) return;
  byId("readers").replaceChildren(...(await answer.json()).map((reader) => {
    const option = document.createElement("option");
    option.value = reader.address; option.label = reader.name ? `${reader.name} ${reader.address}` : reader.address;
    return option;
  }));
});
byId("reader").addEventListener("input", () => { previewSoon(); findReaders(); });

/* Pictures: chosen or dropped, then put where the text was last worked on. */
let target = byId("text");
document.addEventListener("focusin", (event) => { if (event.target.matches("#text, .words")) target = event.target; });
export const askPicture = (area, file) => {
  const box = byId("picture-box"), input = byId("picture-file");
  if (area) target = area;
  box.open = true;
  if (file) { const files = new DataTransfer(); files.items.add(file); input.files = files.files; }
  box.scrollIntoView({ block: "center" });
  (file ? byId("alt") : input).focus({ preventScroll: true });
};
const insert = (markdown) => {
  const at = target.selectionEnd, before = target.value.slice(0, at).replace(/\n+$/, "");
  const behind = target.value.slice(at).replace(/^\n+/, "");
  target.value = [before, markdown, behind].filter(Boolean).join("\n\n") + (behind ? "" : "\n");
  target.focus();
  target.setSelectionRange(before.length + markdown.length + 2, before.length + markdown.length + 2);
  target.dispatchEvent(new Event("input", { bubbles: true }));
};
byId("picture").addEventListener("submit", async (event) => {
  if (!target || !target.isConnected) return;
  event.preventDefault();
  const picture = event.currentTarget;
  const answer = await post("/pictures", new FormData(picture)).catch(() => null);
  if (!answer) { state.textContent = desk.dataset.offline; return; }
  const told = await answer.json();
  if (!answer.ok) { tell(told); return; }
  tell(null);
  picture.reset();
  byId("picture-box").open = false;
  insert(told.markdown);
  desk.dispatchEvent(new CustomEvent("picture"));
});
const carriesFile = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
form.addEventListener("dragover", (event) => { if (carriesFile(event)) event.preventDefault(); });
form.addEventListener("drop", (event) => {
  if (!carriesFile(event) || !event.dataTransfer.files.length) return;
  event.preventDefault();
  const block = event.target.closest(".block");
  const area = event.target.closest("textarea") || (block && block.querySelector(".words")) || byId("text");
  askPicture(area, event.dataTransfer.files[0]);
});

document.querySelector(".looks").hidden = false;
document.querySelector(".reader").hidden = false;
if (byId("text")) byId("place-field").hidden = true;
byId("inbox").hidden = true;
/* Not before the frame has its own page: the blank one it begins with admits no styles of a mail. */
const isReady = () => frame.contentDocument && frame.contentDocument.URL !== "about:blank" && frame.contentDocument.readyState === "complete";
if (isReady()) preview(); else frame.addEventListener("load", preview, { once: true });
/* Sent back from Send…: to the first thing to mend. */
const barred = document.querySelector("#barred a");
if (barred && barred.dataset.line) goToLine(barred.dataset.line);
if (barred && barred.dataset.block) goToBlock(barred.dataset.block);
