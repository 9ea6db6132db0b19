/** The mail as readers will see it: one question at a time; what was typed meanwhile is asked next. */
import { after, all, byId, inputById, post } from "./page.js";

const frame = /** @type {HTMLIFrameElement} */ (byId("mail"));

/** @param {{fields: () => Record<string, string>, tell: (told: any) => void, checked: () => void}} source */
export function openPreview(source) {
  let look = "", shown = null, waiting = null, asking = false;
  const isReady = () => frame.contentDocument && frame.contentDocument.URL !== "about:blank" && frame.contentDocument.readyState === "complete";

  const draw = () => {
    const asWords = look === "plain" || look === "source";
    frame.hidden = !["desktop", "phone", "dark"].includes(look);
    byId("words").hidden = !asWords;
    byId("inbox").hidden = look !== "inbox";
    frame.classList.toggle("phone", look === "phone");
    if (!shown || shown.html === undefined) return;
    byId("words").textContent = look === "plain" ? shown.text : shown.html;
    all("[data-shown]").forEach((each) => { each.textContent = shown[each.dataset.shown]; });
    // Not before the frame has its own page: the blank one it begins with admits no styles of a mail.
    if (!isReady()) { frame.addEventListener("load", draw, { once: true }); return; }
    const inner = frame.contentDocument, top = inner.scrollingElement ? inner.scrollingElement.scrollTop : 0;
    inner.documentElement.innerHTML = shown.html;
    if (inner.scrollingElement) inner.scrollingElement.scrollTop = top;
  };
  const preview = async () => {
    if (!look) return;
    waiting = new URLSearchParams({ ...source.fields(), reader: inputById("reader").value, dark: String(look === "dark") });
    if (asking) return;
    asking = true;
    try {
      while (waiting) {
        const fields = waiting;
        waiting = null;
        const answer = await post("/preview", fields);
        if (!answer.ok && answer.status !== 422) continue;
        const told = await answer.json();
        source.tell(answer.status === 422 ? told : null);
        if (answer.status === 422) continue;
        shown = told;
        draw();
      }
    } catch { /* Saving tells when the server does not answer. */ } finally { asking = false; }
  };
  const findReaders = after(200, async () => {
    const find = inputById("reader").value;
    if (find.length < 2) return;
    const answer = await post("/readers", new URLSearchParams({ find }));
    if (!answer.ok) return;
    byId("readers").replaceChildren(...(await answer.json()).map((reader) => {
      const option = document.createElement("option");
      option.value = reader.address;
      option.label = reader.name ? `${reader.name} ${reader.address}` : reader.address;
      return option;
    }));
  });
  const previewSoon = after(60, preview);
  byId("reader").addEventListener("input", () => { previewSoon(); findReaders(); });
  /* Checking comes once the typing rests. */
  const check = async () => {
    const answer = await post("/findings", new URLSearchParams(source.fields())).catch(() => null);
    if (!answer || !answer.ok) return;
    byId("findings").innerHTML = await answer.text();
    source.checked();
  };
  const checkSoon = after(400, check);
  return {
    /** Show the mail so; empty shows none. */
    show(name) { look = name; draw(); preview(); },
    changed() { if (look) previewSoon(); checkSoon(); },
    check,
  };
}
