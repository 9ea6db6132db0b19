/** Saving: by itself, one at a time, in the order of typing; whatever leaves the page waits for it. */
import { keepCopy } from "./device_copy.js";
import { notify } from "./notices.js";
import { after, all, byId, element, form, inputById, post, say } from "./page.js";

const state = byId("state");

/* What the state is called, and how it looks. */
const SHOWN = { saved: "saved", saving: "saving", notSaved: "notSaved", offline: "offline", signedOut: "signedOut", conflict: "bothChanged" };
/* How long after a save that failed the next one is tried. */
const AGAIN = 5000;

/**
 * @param {{fields: () => Record<string, string>, version: () => unknown, busy: () => boolean, tell: (told: any) => void, take: (told: any) => void}} source
 */
export function keepSaved(source) {
  // `began` is what the text was made of: the last that was saved, or the page's own.
  let saved = source.version(), began = source.fields(), saving = null, leaving = false, shown = "", choosing = null;
  const isTyped = () => source.version() !== saved;
  const copy = keepCopy(() => (isTyped() ? { at: Date.now(), revision: inputById("revision").value, fields: source.fields(), base: began } : null));

  /** Say how saving stands: always in sight, and heard when it becomes worse. */
  const show = (name, values = {}) => {
    if (name !== "conflict") choosing = null;
    const words = say(SHOWN[name], values);
    byId("clash").hidden = !choosing;
    state.dataset.state = name;
    if (words === shown) return;
    shown = words;
    state.replaceChildren(name === "signedOut" ? element("a", { href: "/sign-in", target: "_blank" }, words) : words);
  };
  const keepRevision = (revision) => {
    /** @type {HTMLInputElement[]} */ (all('input[name="revision"]')).forEach((field) => { field.value = revision; });
    document.dispatchEvent(new CustomEvent("issue-saved", { detail: { revision } }));
  };
  const ask = async (fields) => {
    const answer = await post("", new URLSearchParams(fields));
    const isOurs = !answer.redirected && (answer.headers.get("content-type") || "").includes("json");
    return { answer, told: isOurs ? await answer.json() : {}, isOurs };
  };
  const send = async (more) => {
    const wanted = source.version(), fields = source.fields();
    if (!choosing) show("saving");
    try {
      const held = { ...fields, revision: inputById("revision").value, ...more };
      let { answer, told, isOurs } = await ask(held);
      if (answer.status === 409 && told.author) {
        const base = Object.fromEntries(Object.entries(began).map(([name, value]) => [`base-${name}`, value]));
        ({ answer, told, isOurs } = await ask({ ...held, ...base }));
      }
      if (answer.ok && isOurs && told.revision !== undefined) {
        source.tell(null);
        const unchanged = source.version() === wanted && !source.busy();
        began = fields;
        // What the server changed is taken once nobody types; until then it is merged again.
        if (told.issue && !unchanged) { show("notSaved"); saveSoon(); return told; }
        keepRevision(told.revision);
        if (told.issue) {
          source.take(told);
          began = source.fields();
          if (told.author) notify("joined", [say("joined", { author: told.author })]);
        }
        saved = told.issue ? source.version() : wanted;
        show(isTyped() ? "notSaved" : "saved");
        if (!isTyped()) copy.forget();
        return told;
      }
      if (answer.status === 409 && told.form !== undefined) {
        choosing = told;
        show("conflict", { author: told.author });
        return null;
      }
      show(answer.redirected || answer.status === 403 ? "signedOut" : answer.status >= 500 ? "offline" : "notSaved");
      if (answer.status === 422) source.tell(told);
      else saveAgain();
    } catch { show("offline"); saveAgain(); }
    return null;
  };
  /** The versions of what both changed, beside each other. */
  const choose = () => {
    if (!choosing) return;
    const told = choosing, dialog = /** @type {HTMLDialogElement} */ (byId("clashes")), chosen = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
    byId("clash-fields").innerHTML = told.form;
    dialog.returnValue = "";
    chosen.onsubmit = (event) => {
      event.preventDefault();
      const choices = Object.fromEntries([...new FormData(chosen)].map(([name, value]) => [name, String(value)]));
      dialog.close();
      save(choices);
    };
    dialog.showModal();
  };
  byId("clash").addEventListener("click", choose);
  byId("clashes-later").addEventListener("click", () => /** @type {HTMLDialogElement} */ (byId("clashes")).close());
  const inTurn = async (act) => {
    while (saving) await saving;
    saving = act();
    try { return await saving; } finally { saving = null; }
  };
  const save = (more = {}) => inTurn(async () => {
    if (!isTyped() && !Object.keys(more).length) return null;
    // Half a word of an input method is no text yet.
    if (source.busy() && !Object.keys(more).length) { saveSoon(); return null; }
    const before = source.version(), told = await send(more);
    if (source.version() !== before) saveSoon();
    return told;
  });
  const saveSoon = after(1000, () => save()), saveAgain = after(AGAIN, () => save());
  window.addEventListener("online", () => save());

  window.addEventListener("pageshow", () => { leaving = false; });
  document.addEventListener("submit", async (event) => {
    const sent = /** @type {HTMLFormElement} */ (event.target);
    if (event.defaultPrevented || !sent.elements.namedItem("revision")) return;
    if (leaving) { event.preventDefault(); return; }
    const takesTheText = sent === form;
    if (!saving && (takesTheText || !isTyped())) { leaving = true; saved = source.version(); return; }
    event.preventDefault();
    await save();
    if (isTyped()) { choose(); return; }
    const button = event.submitter;
    // A finding's button may have been drawn anew meanwhile.
    if (button && !button.isConnected) { button.hidden = true; sent.append(button); }
    sent.requestSubmit(button);
  });
  form.addEventListener("formdata", (event) => {
    for (const name of ["text", "view", "issue", "template"]) event.formData.delete(name);
    for (const [name, value] of Object.entries(source.fields())) event.formData.set(name, value);
  });
  window.addEventListener("beforeunload", (event) => { if (isTyped()) event.preventDefault(); });
  return {
    changed() { if (!choosing) show("notSaved"); saveSoon(); copy.writeSoon(); },
    /** Take a text for one that was made of an earlier revision: it is merged when it is saved. */
    restored(held) { keepRevision(held.revision); began = held.base; },
    /** Save now, as a version that stays in the history. */
    keep: () => save({ kept: "1" }).then(choose),
    /** Save and mend a finding, or add its word to the dictionary; a mended issue comes back. */
    mend: (named) => save(named),
    /** Take what is shown for what is saved. */
    settle() {
      saved = source.version();
      if (state.dataset.state === "notSaved") show("saved");
    },
    isTyped, save, show,
  };
}
