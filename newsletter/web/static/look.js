/* The page of a look: shows the mail as it is changed, takes designs, undoes; without it forms do.
 */
const form = /** @type {HTMLFormElement} */ (document.getElementById("look"));
const frame = /** @type {HTMLIFrameElement} */ (document.getElementById("preview"));
/** @param {string} name */
const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
/** @param {string} name */
const button = (name) => /** @type {HTMLButtonElement} */ (document.getElementById(name));
const state = /** @type {HTMLElement} */ (document.getElementById("look-state"));
const undo = button("undo"),
  redo = button("redo");
const FILES = ["logo_file", "header_file"],
  KEPT_TEXTS = /^(began|tagline|footer|social|logo_.*|header_.*)$/;
let view = "desktop",
  isDark = false,
  waiting = false,
  asking = false;

/** What the form holds, without files and what names its sender. */
const values = () => {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (!FILES.includes(name) && name !== "csrf") fields.append(name, String(value));
  }
  return fields;
};
/**
 * What stands for a chosen picture in what the server draws, and what it is drawn as.
 *
 * @type {Map<string, { at: string, shown: string, width: number }>}
 */
const chosen = new Map();
/* As wide as the server keeps one at most. */
const WIDEST = 1200;
/**
 * Read a picture that is chosen, so that the mail is shown with it before it is sent; one that
 * cannot be read is the server's to refuse.
 *
 * @param {string} name logo or header
 * @param {File | undefined} file
 */
const choose = async (name, file) => {
  chosen.delete(name);
  const picture = file && (await createImageBitmap(file).catch(() => null));
  if (picture) {
    const scale = Math.min(1, WIDEST / picture.width),
      canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    // Named as a kept one is, which no kept one can be: a name says the picture's own octets.
    const sum = (name === "logo" ? "0" : "1").repeat(64);
    const at = `${location.origin}/images/${sum}-${canvas.width}w.png`;
    chosen.set(name, { at, shown: canvas.toDataURL(), width: picture.width });
  }
  previewSoon();
};
/** Say what the server would make of the chosen pictures. @param {URLSearchParams} fields */
const addChosen = (fields) => {
  for (const [name, { at, width }] of chosen) {
    if (name === "header" && !fields.get("header_url")) fields.set("masthead", "picture");
    if (name === "logo") {
      const least = Number(field("logo_width").min);
      const most = Number(form.dataset.logo);
      fields.set("logo_width", String(Math.max(Math.min(width, most), least)));
      fields.set("logo_ink", "");
    }
    fields.set(`${name}_url`, at);
    if (!(fields.get(`${name}_alt`) || "").trim()) fields.set(`${name}_alt`, name);
  }
};
/** Whether a picture is chosen that the server has not seen. */
const isFileChosen = () => FILES.some((name) => Boolean((field(name).files || []).length));
const past = [values().toString()];
let at = 0;
const saved = document.querySelector(".notice.warn, .notice.bad") ? "" : past[0];

/* Preview: one question at a time; what changed meanwhile is asked about next. */
/** @param {string} html */
const draw = (html) => {
  const inner = frame.contentDocument;
  if (!inner || inner.URL === "about:blank") return;
  const top = inner.scrollingElement ? inner.scrollingElement.scrollTop : 0;
  inner.documentElement.innerHTML = html;
  if (inner.scrollingElement) inner.scrollingElement.scrollTop = top;
};
/**
 * Say of a field what is wrong, or hard to read; where a colour would do, offer it.
 *
 * @param {string} name
 * @param {string} words
 * @param {string} nearest
 * @param {boolean} refused
 */
const note = (name, words, nearest, refused) => {
  const place = document.getElementById(`${name}-note`) || document.getElementById(`${name}-fault`);
  if (!place) return;
  const line = document.createElement("span");
  line.className = refused ? "error" : "quiet";
  line.textContent = words;
  place.replaceChildren(line);
  if (nearest && refused) {
    const take = document.createElement("button");
    take.type = "button";
    take.className = "second small";
    take.textContent = String(form.dataset.take).replace("{colour}", nearest);
    take.addEventListener("click", () => {
      field(name).value = nearest;
      changed();
    });
    place.append(document.createElement("br"), take);
  }
};
const preview = async () => {
  waiting = true;
  if (asking) return;
  asking = true;
  while (waiting) {
    waiting = false;
    const fields = values();
    addChosen(fields);
    if (isDark) fields.set("dark", "true");
    try {
      const answer = await fetch(`${form.dataset.here}/preview`, {
        method: "POST",
        body: fields,
        headers: { "X-CSRF-Token": field("csrf").value, Accept: "application/json" },
      });
      if (answer.status === 401) {
        document.dispatchEvent(new Event("signed-out"));
        break;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const told = await answer.json();
      // What is wrong with a file was said by the server that had it; no preview sends one.
      document.querySelectorAll(".note:not(.of-file)").forEach((each) => each.replaceChildren());
      for (const each of told.unreadable) note(each.field, each.words, each.nearest, each.refused);
      for (const [name, words] of Object.entries(told.faults)) note(name, words, "", true);
      let { html } = told;
      for (const { at, shown } of chosen.values()) html = html && html.replaceAll(at, shown);
      if (html) draw(html);
      mark();
    } catch {
      state.textContent = form.dataset.offline || "";
    }
  }
  asking = false;
};
let timer = 0;
const previewSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(preview, 120);
};

/* What was typed, kept for undoing; a design counts as one step. */
const mark = () => {
  const now = values().toString();
  const isSaved = now === saved && !isFileChosen();
  state.textContent = (isSaved ? form.dataset.saved : form.dataset.unsaved) || "";
  undo.disabled = at === 0;
  redo.disabled = at === past.length - 1;
  document.querySelectorAll(".colour").forEach((each) => {
    const colour = /** @type {HTMLInputElement} */ (each.querySelector('input[type="color"]'));
    /** @type {HTMLOutputElement} */ (each.querySelector("output")).value = colour.value;
  });
  document.querySelectorAll(".design").forEach((each) => {
    const button = /** @type {HTMLButtonElement} */ (each.querySelector("button")),
      is = button.value === `design:${field("design").value}`;
    each.classList.toggle("chosen", is);
    button.setAttribute("aria-pressed", String(is));
  });
};
const keep = () => {
  const now = values().toString();
  if (now === past[at]) return;
  past.splice(at + 1);
  past.push(now);
  at = past.length - 1;
};
const changed = () => {
  keep();
  mark();
  previewSoon();
};
/** @param {URLSearchParams} given */
const fill = (given) => {
  for (const each of form.elements) {
    const field = /** @type {HTMLInputElement} */ (each);
    if (!field.name || field.type === "file" || field.name === "csrf" || field.name === "verb")
      continue;
    if (field.type === "checkbox") field.checked = given.get(field.name) === "1";
    else {
      const value = given.get(field.name);
      if (value === null) continue;
      if (
        each instanceof HTMLSelectElement &&
        ![...each.options].some((option) => option.value === value)
      )
        each.add(new Option(`${value} px`, value));
      field.value = value;
    }
  }
};
/** @param {number} place */
const goTo = (place) => {
  at = place;
  fill(new URLSearchParams(past[at]));
  mark();
  previewSoon();
};

let typing = 0;
form.addEventListener("input", (event) => {
  const target = /** @type {HTMLInputElement} */ (event.target);
  if (target.type === "file") {
    // Asked for before it is sent: a page that is loaded anew has lost the file.
    field(target.name.replace("_file", "_alt")).required = Boolean((target.files || []).length);
    choose(target.name.replace("_file", ""), (target.files || [])[0]);
    mark();
    return;
  }
  const own = target.type === "color" && field(`${target.name}_own`);
  if (own) own.checked = true;
  mark();
  previewSoon();
  clearTimeout(typing);
  typing = setTimeout(() => {
    keep();
    mark();
  }, 400);
});
form.addEventListener("click", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const button = /** @type {HTMLButtonElement | null} */ (
    target.closest('button[value^="design:"]')
  );
  if (!button) return;
  /** @type {HTMLElement | null} */
  const source = document.querySelector(`button[data-values][value="${CSS.escape(button.value)}"]`);
  if (!source) return;
  event.preventDefault();
  const given = new URLSearchParams(values());
  for (const [name, value] of Object.entries(JSON.parse(source.dataset.values || "{}"))) {
    if (KEPT_TEXTS.test(name)) continue;
    if (typeof value === "boolean") {
      if (value) given.set(name, "1");
      else given.delete(name);
    } else given.set(name, value);
  }
  fill(given);
  changed();
});
undo.addEventListener("click", () => {
  keep();
  if (at > 0) goTo(at - 1);
});
redo.addEventListener("click", () => {
  if (at < past.length - 1) goTo(at + 1);
});
undo.hidden = redo.hidden = false;
/** @type {HTMLElement} */ (document.getElementById("refresh")).hidden = true;
/* On a narrow page the mail is drawn smaller, and not as on a telephone. */
const DESKTOP = 720;
const stand = /** @type {HTMLElement} */ (frame.parentElement);
const fit = () => {
  const box = getComputedStyle(stand),
    room = stand.clientWidth - parseFloat(box.paddingLeft) - parseFloat(box.paddingRight);
  const scale = view === "phone" ? 1 : Math.min(1, room / DESKTOP);
  frame.style.setProperty("--scale", scale.toFixed(3));
};
new ResizeObserver(fit).observe(stand);
const views = /** @type {HTMLElement} */ (document.querySelector(".views"));
views.hidden = false;
views.addEventListener("click", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const button = /** @type {HTMLButtonElement | null} */ (target.closest("button"));
  if (!button) return;
  if (button.matches("[data-dark]")) {
    isDark = !isDark;
    button.setAttribute("aria-pressed", String(isDark));
  } else {
    view = button.dataset.view || "";
    views
      .querySelectorAll("[data-view]")
      .forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
  }
  frame.classList.toggle("phone", view === "phone");
  fit();
  preview();
});
let leaving = false;
/* Whoever saves stays at the place where they were. */
const PLACE = "look-place";
form.addEventListener("submit", () => {
  leaving = true;
  sessionStorage.setItem(PLACE, String(scrollY));
});
const place = sessionStorage.getItem(PLACE);
if (place !== null) scrollTo(0, Number(place));
sessionStorage.removeItem(PLACE);
addEventListener("beforeunload", (event) => {
  if (!leaving && (values().toString() !== saved || isFileChosen())) event.preventDefault();
});
frame.addEventListener("load", () => {
  if (values().toString() !== saved) previewSoon();
});
mark();
