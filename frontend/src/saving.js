/** Saving: by itself, one at a time, in the order of typing; whatever leaves the page waits for it. */
import { after, all, byId, form, inputById, post, say } from "./page.js";

const state = byId("state");

/**
 * @param {{fields: () => Record<string, string>, version: () => unknown, busy: () => boolean, tell: (told: any) => void}} source
 */
export function keepSaved(source) {
  let saved = source.version(), saving = null, halted = false, leaving = false;
  const isTyped = () => source.version() !== saved;

  const keepRevision = (revision) => {
    /** @type {HTMLInputElement[]} */ (all('input[name="revision"]')).forEach((field) => { field.value = revision; });
    document.dispatchEvent(new CustomEvent("issue-saved", { detail: { revision } }));
  };
  const send = async (more) => {
    const wanted = source.version();
    state.textContent = say("saving");
    try {
      const fields = new URLSearchParams({ ...source.fields(), revision: inputById("revision").value, ...more });
      const answer = await post("", fields);
      const told = answer.redirected ? {} : await answer.json();
      if (answer.ok && told.revision !== undefined) {
        keepRevision(told.revision);
        saved = wanted;
        state.textContent = say(isTyped() ? "notSaved" : "saved");
        source.tell(null);
        return told;
      }
      state.textContent = say("notSaved");
      if (answer.status === 422) source.tell(told);
      if (answer.status === 409) { halted = true; byId("conflict").hidden = false; }
    } catch { state.textContent = say("offline"); }
    return null;
  };
  const inTurn = async (act) => {
    while (saving) await saving;
    saving = act();
    try { return await saving; } finally { saving = null; }
  };
  const save = (more = {}) => inTurn(async () => {
    if (halted || (!isTyped() && !Object.keys(more).length)) return null;
    // Half a word of an input method is no text yet.
    if (source.busy() && !Object.keys(more).length) { saveSoon(); return null; }
    const before = source.version(), told = await send(more);
    if (source.version() !== before) saveSoon();
    return told;
  });
  const saveSoon = after(1000, () => save());

  window.addEventListener("pageshow", () => { leaving = false; });
  document.addEventListener("submit", async (event) => {
    const sent = /** @type {HTMLFormElement} */ (event.target);
    if (event.defaultPrevented || !sent.elements.namedItem("revision")) return;
    if (leaving) { event.preventDefault(); return; }
    const takesTheText = sent === form;
    if (!saving && (takesTheText || !isTyped())) { leaving = true; saved = source.version(); return; }
    event.preventDefault();
    await save();
    if (isTyped() && !(takesTheText && halted)) return;
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
    changed() { state.textContent = say("notSaved"); saveSoon(); },
    /** Save now, as a version that stays in the history. */
    keep: () => save({ kept: "1" }),
    /** Save and mend a finding, or add its word to the dictionary; a mended issue comes back. */
    mend: (named) => save(named),
    /** Take what is shown for what is saved. */
    settle() {
      saved = source.version();
      if (state.textContent === say("notSaved")) state.textContent = say("saved");
    },
    isTyped, save,
  };
}
