/** The page of a snippet: its blocks are written in as they stand in the mail. */
import { all, byId, form, postTo, say, wordsOf } from "./page.js";
import { blocksOf, isBlank, openPiece } from "./pieces.js";
import { fillToolbar } from "./toolbar.js";
/** @import { EditorView } from "prosemirror-view" */
/** @import { Block, Fault } from "./types.js" */

/** @type {Block[]} */
const blocks = JSON.parse(byId("snippet-blocks").textContent || "[]");
const label = byId("text-label");
/** Whether something was typed that is not kept. */
let isTyped = false;
/** @type {ReturnType<typeof fillToolbar> | null} */
let toolbar = null;

/** @type {EditorView} */
const view = openPiece(byId("paper"), blocks, {
  label: label.textContent || "",
  lang: label.dataset.language || "",
  empty: say("empty.text"),
  look: "mail",
  withBlocks: true,
  changed: () => {
    isTyped = true;
  },
  selected: () => {
    if (toolbar) toolbar.update(view.state);
  },
});
toolbar = fillToolbar(byId("toolbar"), () => view, "blocks");
toolbar.update(view.state);
form.addEventListener("input", () => {
  isTyped = true;
});

/** Keep what is written; why it is not kept, in words. */
async function keep() {
  const fields = new URLSearchParams(
    [...new FormData(form)].map(([name, value]) => [name, String(value)]),
  );
  fields.delete("text");
  fields.set("blocks", JSON.stringify(isBlank(view.state.doc) ? [] : blocksOf(view.state.doc)));
  const answer = await postTo(form.action, fields).catch(() => null);
  if (answer && answer.ok && !answer.redirected) return "";
  if (answer && answer.status === 401) return say("signedOut");
  /** @type {Fault | null} */
  const fault = answer ? await answer.json().catch(() => null) : null;
  return wordsOf(fault) || say("offline");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fault = await keep(),
    place = byId("fault");
  place.hidden = !fault;
  place.textContent = fault;
  if (fault) {
    place.scrollIntoView({ block: "nearest" });
    return;
  }
  isTyped = false;
  location.assign(`${form.action}?done=saved`);
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "s" || event.isComposing)
    return;
  event.preventDefault();
  form.requestSubmit();
});
window.addEventListener("beforeunload", (event) => {
  if (isTyped) event.preventDefault();
});
all(".as-script").forEach((each) => {
  each.hidden = false;
});
document.documentElement.classList.add("scripted");
