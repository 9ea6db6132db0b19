/** The mail as readers will see it: one question at a time; what was typed meanwhile is asked next. */
import { after, all, byId, post, say } from "./page.js";

/** How long until a server that did not answer is asked again, in milliseconds. */
const AGAIN = 2000;

const selected = () => /** @type {HTMLSelectElement} */ (byId("as"));
const frame = /** @type {HTMLIFrameElement} */ (byId("mail"));

/** Draw the findings anew; the focus goes on to what took its finding's place, or back to the text. */
function drawFindings(told) {
  const list = byId("findings"), held = document.activeElement && list.contains(document.activeElement) ? document.activeElement.closest("li") : null;
  const index = [...list.querySelectorAll("li")].indexOf(/** @type {HTMLLIElement} */ (held));
  list.innerHTML = told;
  if (index < 0) return;
  const lines = [...list.querySelectorAll("li")], line = lines[Math.min(index, lines.length - 1)];
  const next = /** @type {HTMLElement | null} */ (line && line.querySelector("button, a[href], summary")) || all(".mail")[0];
  next.focus();
}

/** @param {{fields: () => Record<string, string>, tell: (told: any) => void, checked: () => void, preview: () => void}} source */
export function openPreview(source) {
  let look = "", shown = null, waiting = null, asking = false, checks = 0;
  /** The frame's document, once it has its own page. */
  const ready = () => { const inner = frame.contentDocument; return inner && inner.URL !== "about:blank" && inner.readyState === "complete" ? inner : null; };

  const draw = () => {
    const asWords = look === "plain" || look === "source";
    frame.hidden = !["desktop", "phone", "dark"].includes(look);
    byId("words").hidden = !asWords;
    byId("inbox").hidden = look !== "inbox";
    frame.classList.toggle("phone", look === "phone");
    if (!shown || shown.html === undefined) return;
    byId("words").textContent = look === "plain" ? shown.text : shown.html;
    all("[data-shown]").forEach((each) => { each.textContent = shown[String(each.dataset.shown)]; });
    // Not before the frame has its own page: the blank one it begins with admits no styles of a mail.
    const inner = ready();
    if (!inner) { frame.addEventListener("load", draw, { once: true }); return; }
    const top = inner.scrollingElement ? inner.scrollingElement.scrollTop : 0;
    inner.documentElement.innerHTML = shown.html;
    if (inner.scrollingElement) inner.scrollingElement.scrollTop = top;
  };
  /* What is shown is not what was asked for: said above it, until it is. */
  const tell = (name) => {
    const state = byId("preview-state");
    state.hidden = !name;
    state.textContent = name ? say(name) : "";
  };
  const preview = async () => {
    if (!look) return;
    waiting = new URLSearchParams({ ...source.fields(), as: selected().value, dark: String(look === "dark") });
    if (asking) return;
    asking = true;
    try {
      while (waiting) {
        const fields = waiting;
        waiting = null;
        const answer = await post("/preview", fields).catch(() => null);
        const isFault = answer !== null && answer.status === 422;
        const told = answer && (answer.ok || isFault) ? await answer.json().catch(() => null) : null;
        if (!told) {
          const isSignedOut = answer && (answer.redirected || answer.status === 403);
          tell(isSignedOut ? "signedOut" : "previewOffline");
          if (!isSignedOut) previewAgain();
          continue;
        }
        source.tell(isFault ? told : null);
        tell(told.html === undefined ? "previewFault" : "");
        if (isFault) continue;
        shown = told;
        draw();
      }
    } finally { asking = false; }
  };
  const previewAgain = after(AGAIN, preview);
  const previewSoon = after(60, preview);
  /* As whose mail it is shown: the page's address and its forms say it, too. */
  const choose = (key, name) => {
    checks += 1;
    const select = selected();
    if (![...select.options].some((option) => option.value === key)) select.append(new Option(name, key));
    select.value = key;
    const here = new URL(location.href);
    if (key) here.searchParams.set("as", key); else here.searchParams.delete("as");
    history.replaceState(history.state, "", here);
    all("[data-shown-as]").forEach((input) => { /** @type {HTMLInputElement} */ (input).value = key; });
    previewSoon();
    checkSoon();
  };
  byId("shown-as").addEventListener("change", (event) => {
    if (event.target === selected()) choose(selected().value, "");
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && /** @type {HTMLElement | null} */ (event.target.closest("a[data-as]"));
    if (!link) return;
    event.preventDefault();
    choose(link.dataset.as, link.textContent.trim());
    if (link.closest("#found-readers")) {
      byId("found-readers").replaceChildren();
      (/** @type {HTMLInputElement} */ (byId("find-reader"))).value = "";
      selected().focus();
    }
    if (!look) source.preview();
  });
  /* Checking comes once the typing rests. An answer brings the choice of reader with it: one that was asked for before
     another reader was chosen would take the choice back. */
  const check = async () => {
    const mine = checks += 1;
    const answer = await post("/findings", new URLSearchParams({ ...source.fields(), as: selected().value })).catch(() => null);
    const told = answer && answer.ok ? await answer.text().catch(() => null) : null;
    if (mine !== checks) return;
    if (told === null) { if (!answer || answer.ok || answer.status >= 500) checkAgain(); return; }
    drawFindings(told);
    source.checked();
  };
  const checkSoon = after(400, check);
  const checkAgain = after(AGAIN, check);
  return {
    /** Show the mail so; empty shows none. */
    show(name) { look = name; draw(); preview(); },
    changed() { if (look) previewSoon(); checkSoon(); },
    check,
  };
}
