/** Pictures: dropped, pasted or chosen, kept by the server, and described before they go in. */
import { Selection } from "prosemirror-state";
import { readCaret } from "./caret.js";
import { insert } from "./commands.js";
import { ask } from "./dialogs.js";
import { chooseKept, hasKept, nowKept } from "./library.js";
import { notify } from "./notices.js";
import { element, post, say, wordsOf } from "./page.js";
import { schema } from "./schema.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { EditorView } from "prosemirror-view" */
/** @import { FileBlock, KeptPicture } from "./types.js" */

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/**
 * The pictures among what is dropped or pasted, those of a kind that mail cannot show too.
 *
 * @param {DataTransfer | null} transfer
 */
const picturesIn = (transfer) =>
  [...(transfer ? transfer.files : [])].filter(
    (file) => file.type.startsWith("image/") || /\.hei[cf]$/i.test(file.name),
  );

/**
 * What is known of a picture before it is described; one that stays where it is has its caption
 * there, and is asked for none.
 *
 * @typedef {{ alt: string, url: string, caption?: string }} Known
 */

/**
 * Ask what each shows, keep it, and put it where the caret is.
 *
 * @param {EditorView} view
 * @param {File[]} files
 */
const addPictures = async (view, files) => place(view, await keepPictures(files), false);

/**
 * Ask what each shows, and keep it.
 *
 * @param {File[]} files
 * @param {Known} [known]
 */
async function keepPictures(files, known = { alt: "", url: "", caption: "" }) {
  const made = [],
    fit = files.filter((file) => TYPES.includes(file.type));
  notify(
    "picture",
    files
      .filter((file) => !fit.includes(file))
      .map((file) => say("pictureKind", { name: file.name })),
  );
  for (const file of fit) {
    const src = await asData(file),
      which = fit.length > 1 ? `${fit.indexOf(file) + 1}/${fit.length}` : "";
    for (let words = known, fault = ""; ;) {
      const answer = await describe(src, words, { which, fault });
      if (!answer || answer === "remove") break;
      const kept = await send(file, answer.alt);
      if (typeof kept === "object") {
        nowKept("picture");
        made.push(pictureOf(kept.source, answer));
        break;
      }
      words = answer;
      fault = kept;
    }
  }
  return made;
}

/** @param {string} source @param {Known} known */
const pictureOf = (source, { alt, url, caption }) =>
  schema.nodes.picture.create({ source, alt, url }, caption ? schema.text(caption) : null);

/**
 * Let the server keep a picture; where it does not, return why.
 *
 * @param {File} file
 * @param {string} alt
 * @returns {Promise<{ source: string } | string>}
 */
async function send(file, alt) {
  const fields = new FormData();
  fields.set("file", file);
  fields.set("alt", alt);
  fields.set("revision", "0");
  const kept = await post("/pictures", fields).catch(() => null);
  if (!kept) return say("offline");
  const reply = await kept.json().catch(() => null);
  return kept.ok && reply ? { source: reply.source } : wordsOf(reply) || say("notSaved");
}

/**
 * Ask what a picture shows, what stands below it, and where it leads.
 *
 * @param {string} src of the picture, which is shown beside
 * @param {Known} known
 * @param {{ which?: string, fault?: string }} [of] which of several it is, and why it was refused
 * @returns {Promise<Known | "remove" | null>}
 */
const describe = (src, known, { which = "", fault = "" } = {}) =>
  ask({
    title: `${say("kind.picture")} ${which}`.trim(),
    fault,
    act: say("insert"),
    values: known,
    fields: [
      { name: "alt", word: "alt", hint: "altHint", required: true },
      ...(known.caption === undefined
        ? []
        : [{ name: "caption", word: "caption", hint: "captionHint" }]),
      { name: "url", word: "leadsTo", hint: "leadsToHint", type: "url" },
    ],
    extra: element("img", { class: "asked-picture", src, alt: "" }),
  });

/**
 * A file as an address of its own octets, which the page's policy admits where it admits no blob.
 *
 * @param {File} file
 * @returns {Promise<string>}
 */
const asData = (file) =>
  new Promise((done) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(String(reader.result)));
    reader.addEventListener("error", () => done(""));
    reader.readAsDataURL(file);
  });

/**
 * Keep a file such as a PDF, and offer it where the caret is.
 *
 * @param {EditorView} view
 * @param {File} file
 */
async function addFile(view, file) {
  notify("file", []);
  const fields = new FormData();
  fields.set("file", file);
  fields.set("revision", "0");
  const kept = await post("/files", fields).catch(() => null);
  const reply = kept ? await kept.json().catch(() => null) : { what: say("offline"), remedy: "" };
  if (!kept || !kept.ok || !reply) {
    notify("file", [wordsOf(reply) || say("notSaved")]);
    return;
  }
  nowKept("file");
  placeFile(view, reply.block);
}

/**
 * Pictures of the library; each is described first, as it was the last time.
 *
 * @param {KeptPicture[]} items
 * @param {Known} [known]
 */
async function describeKept(items, known) {
  const made = [];
  for (const item of items) {
    const answer =
      items.length > 1 && item.alt
        ? { alt: item.alt, url: "" }
        : await describe(item.path, { ...(known || { url: "", caption: "" }), alt: item.alt });
    if (answer && answer !== "remove") made.push(pictureOf(item.source, answer));
  }
  return made;
}

/** @param {EditorView} view @param {DocNode[]} made @param {boolean} gallery */
function place(view, made, gallery) {
  readCaret(view);
  view.focus();
  if (gallery && made.length > 1)
    insert(schema.nodes.gallery.create(null, made.slice(0, 4)))(view.state, view.dispatch);
  else made.forEach((node) => insert(node)(view.state, view.dispatch));
  keepCaretInSight(view);
}

/**
 * Whoever put a picture in goes on below it: it is as tall as it is once it is there.
 *
 * @param {EditorView} view
 */
async function keepCaretInSight(view) {
  const { doc } = view.state,
    coming = [...view.dom.querySelectorAll("img")].filter((image) => !image.complete);
  await Promise.all(coming.map((image) => image.decode().catch(() => {})));
  if (coming.length && view.state.doc.eq(doc) && view.hasFocus())
    view.dispatch(view.state.tr.scrollIntoView());
}

/** @param {EditorView} view @param {FileBlock} block */
function placeFile(view, block) {
  readCaret(view);
  view.focus();
  insert(schema.nodes.file.create({ value: block }))(view.state, view.dispatch);
}

/**
 * Let a person choose pictures: files of theirs, or what the library has.
 *
 * @param {(made: DocNode[]) => void} put
 * @param {{ multiple?: boolean, several?: boolean, known?: Known }} ways whether of files, and of
 *   the library, more than one is taken
 */
function choose(put, { multiple = true, several = false, known }) {
  const upload = () =>
    chooseFiles(multiple, async (files) => put(await keepPictures(files, known)));
  if (hasKept("picture"))
    chooseKept("picture", {
      upload,
      several,
      choose: async (items) => put(await describeKept(items, known)),
    });
  else upload();
}

/**
 * Let a person choose pictures, and put them where the caret is.
 *
 * @param {EditorView} view
 * @param {boolean} [gallery]
 */
export const choosePicture = (view, gallery = false) =>
  choose((made) => place(view, made, gallery), { several: gallery });

/**
 * Let a person choose another picture for one that is there: its caption, link and place stay.
 *
 * @param {EditorView} view
 * @param {number | undefined} pos none once it is gone
 */
function replacePicture(view, pos) {
  const node = pos === undefined ? null : view.state.doc.nodeAt(pos);
  if (pos === undefined || !node) return;
  const { alt, url, source } = node.attrs;
  choose(
    ([made]) => {
      const now = view.state.doc.nodeAt(pos);
      view.focus();
      if (made && now && now.type === node.type && now.attrs.source === source)
        view.dispatch(
          view.state.tr.setNodeMarkup(pos, null, {
            ...now.attrs,
            ...made.attrs,
            title: now.attrs.title,
          }),
        );
    },
    { multiple: false, known: { alt, url } },
  );
}

/**
 * Let a person choose a file to offer: one of theirs, or what the library has.
 *
 * @param {EditorView} view
 */
function chooseFile(view) {
  const upload = () => chooseFiles(false, ([file]) => addFile(view, file), FILES);
  if (hasKept("file"))
    chooseKept("file", { upload, choose: ([item]) => placeFile(view, item.block) });
  else upload();
}

/**
 * Let the list of blocks ask for pictures and files, which go in where the caret is.
 *
 * @param {EditorView} view
 */
export function offerPictures(view) {
  view.dom.addEventListener("choose-picture", (event) => {
    choosePicture(
      view,
      event instanceof CustomEvent && Boolean(event.detail && event.detail.gallery),
    );
  });
  view.dom.addEventListener("replace-picture", (event) => {
    if (event instanceof CustomEvent) replacePicture(view, event.detail.pos);
  });
  view.dom.addEventListener("choose-file", () => chooseFile(view));
}

/**
 * Pictures that are pasted, where no words come with them.
 *
 * @param {EditorView} view
 * @param {ClipboardEvent} event
 */
export function pastePictures(view, event) {
  const files = picturesIn(event.clipboardData);
  if (!files.length || event.clipboardData?.getData("text/html")) return false;
  addPictures(view, files);
  return true;
}

/**
 * Pictures and files that are dropped go in where they are dropped.
 *
 * @param {EditorView} view
 * @param {DragEvent} event
 */
export function dropFiles(view, event) {
  const files = picturesIn(event.dataTransfer),
    given = filesIn(event.dataTransfer);
  if (!files.length && !given.length) return false;
  event.preventDefault();
  const where = view.posAtCoords({ left: event.clientX, top: event.clientY });
  if (where)
    view.dispatch(view.state.tr.setSelection(Selection.near(view.state.doc.resolve(where.pos))));
  addPictures(view, files).then(() => given.forEach((file) => addFile(view, file)));
  return true;
}

const FILES = ".pdf,.docx,.xlsx,.pptx,.csv";
/** The files among what is dropped that a mail can offer. @param {DataTransfer | null} transfer */
const filesIn = (transfer) =>
  [...(transfer ? transfer.files : [])].filter((file) =>
    /\.(pdf|docx|xlsx|pptx|csv)$/i.test(file.name),
  );

/**
 * Let a person choose files.
 *
 * @param {boolean} multiple
 * @param {(files: File[]) => void} act
 * @param {string} [accept]
 */
function chooseFiles(multiple, act, accept = TYPES.join(",")) {
  const input = element("input", {
    type: "file",
    accept,
    multiple,
    class: "hidden-visually",
    "aria-label": say("kind.file"),
    tabindex: "-1",
  });
  input.addEventListener("change", () => {
    input.remove();
    act([...(input.files || [])]);
  });
  input.addEventListener("cancel", () => input.remove());
  document.body.append(input);
  input.click();
}
