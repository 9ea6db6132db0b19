/** Pictures: dropped, pasted or chosen, kept by the server, and described before they go in. */
import { readCaret } from "./caret.js";
import { insert } from "./commands.js";
import { ask } from "./dialogs.js";
import { chooseKept, hasKept, nowKept } from "./library.js";
import { notify } from "./notices.js";
import { element, post, say } from "./page.js";
import { schema } from "./schema.js";

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
export const picturesIn = (transfer) => [...(transfer ? transfer.files : [])].filter((file) => TYPES.includes(file.type));

/**
 * Ask what each shows, keep it, and put it where the caret is.
 *
 * @param {import("prosemirror-view").EditorView} view
 * @param {File[]} files
 */
export async function addPictures(view, files, gallery = false) {
  const made = [];
  notify("picture", []);
  for (const file of files) {
    const answer = await ask({
      title: say("kind.picture"), act: say("insert"), values: {},
      fields: [{ name: "alt", word: "alt", hint: "altHint", required: true }, { name: "url", word: "leadsTo", type: "url" }],
      extra: element("img", { class: "asked-picture", src: await asData(file), alt: "" }),
    });
    if (!answer || answer === "remove") continue;
    const fields = new FormData();
    fields.set("file", file);
    fields.set("alt", answer.alt);
    fields.set("revision", "0");
    const kept = await post("/pictures", fields).catch(() => null);
    if (!kept) { notify("picture", [say("offline")]); continue; }
    const told = await kept.json().catch(() => null);
    if (!kept.ok || !told) { notify("picture", [worded(told)]); continue; }
    nowKept("picture");
    made.push(schema.nodes.picture.create({ source: told.source, alt: answer.alt, url: answer.url }));
  }
  place(view, made, gallery);
}

/** A file as an address of its own octets, which the page's policy admits where it admits no blob. */
const asData = (file) => new Promise((done) => {
  const reader = new FileReader();
  reader.addEventListener("load", () => done(reader.result));
  reader.addEventListener("error", () => done(""));
  reader.readAsDataURL(file);
});

/** A refusal in words: what is wrong, and what to do. */
const worded = (told) => (told ? `${told.what} ${told.remedy}`.trim() : say("notSaved"));

/** Keep a file such as a PDF, and offer it where the caret is. */
export async function addFile(view, file) {
  notify("file", []);
  const fields = new FormData();
  fields.set("file", file);
  fields.set("revision", "0");
  const kept = await post("/files", fields).catch(() => null);
  const told = kept ? await kept.json().catch(() => null) : { what: say("offline"), remedy: "" };
  if (!kept || !kept.ok || !told) { notify("file", [worded(told)]); return; }
  nowKept("file");
  placeFile(view, told.block);
}

/** Put pictures of the library where the caret is; each is described first, as it was the last time. */
async function addKept(view, items, gallery) {
  const made = [];
  for (const item of items) {
    const answer = items.length > 1 && item.alt ? { alt: item.alt, url: "" } : await ask({
      title: say("kind.picture"), act: say("insert"), values: { alt: item.alt },
      fields: [{ name: "alt", word: "alt", hint: "altHint", required: true }, { name: "url", word: "leadsTo", type: "url" }],
      extra: element("img", { class: "asked-picture", src: item.path, alt: "" }),
    });
    if (answer && answer !== "remove") made.push(schema.nodes.picture.create({ source: item.source, alt: answer.alt, url: answer.url }));
  }
  place(view, made, gallery);
}

function place(view, made, gallery) {
  readCaret(view);
  view.focus();
  if (gallery && made.length > 1) insert(schema.nodes.gallery.create(null, made.slice(0, 4)))(view.state, view.dispatch);
  else made.forEach((node) => insert(node)(view.state, view.dispatch));
}

function placeFile(view, block) {
  readCaret(view);
  view.focus();
  insert(schema.nodes.file.create({ value: block }))(view.state, view.dispatch);
}

/** Let a person choose pictures: files of theirs, or what the library has. */
export function choosePicture(view, gallery = false) {
  const upload = () => chooseFiles(true, (files) => addPictures(view, files, gallery));
  if (hasKept("picture")) chooseKept("picture", { upload, several: gallery, choose: (items) => addKept(view, items, gallery) });
  else upload();
}

/** Let a person choose a file to offer: one of theirs, or what the library has. */
export function chooseFile(view) {
  const upload = () => chooseFiles(false, ([file]) => addFile(view, file), FILES);
  if (hasKept("file")) chooseKept("file", { upload, choose: ([item]) => placeFile(view, item.block) });
  else upload();
}

export const FILES = ".pdf,.docx,.xlsx,.pptx,.csv";
/** The files among what is dropped that a mail can offer. */
export const filesIn = (transfer) => [...(transfer ? transfer.files : [])].filter((file) => /\.(pdf|docx|xlsx|pptx|csv)$/i.test(file.name));

/** Let a person choose files. */
function chooseFiles(multiple, act, accept = TYPES.join(",")) {
  const input = element("input", { type: "file", accept, multiple, class: "hidden-visually", "aria-label": say("kind.file"), tabindex: "-1" });
  input.addEventListener("change", () => { input.remove(); act([...input.files]); });
  input.addEventListener("cancel", () => input.remove());
  document.body.append(input);
  input.click();
}
