/**
 * The mail as readers will see it: one question at a time; what was typed meanwhile is asked next.
 */
import { all, byId, debounce, inputById, isSignedOut, post, redraw, say } from "./page.js";
/** @import { Source } from "./types.js" */

/** How long until a server that did not answer is asked again, in milliseconds. */
const AGAIN = 2000;
/** The status of an answer to more than any issue holds. */
const TOO_LONG = 413;

const selected = () => /** @type {HTMLSelectElement} */ (byId("as"));
const frame = /** @type {HTMLIFrameElement} */ (byId("mail"));

/**
 * Draw the findings anew; the focus goes on to what took its finding's place, or back to the text.
 *
 * @param {string} html
 */
function drawFindings(html) {
  const list = byId("findings"),
    held =
      document.activeElement && list.contains(document.activeElement)
        ? document.activeElement.closest("li")
        : null;
  const index = [...list.querySelectorAll("li")].indexOf(/** @type {HTMLLIElement} */ (held));
  list.innerHTML = html;
  if (index < 0) return;
  const lines = [...list.querySelectorAll("li")],
    line = lines[Math.min(index, lines.length - 1)];
  const next =
    /** @type {HTMLElement | null} */ (line && line.querySelector("button, a[href], summary")) ||
    all(".mail")[0];
  next.focus();
}

/** The frame's document, once it has its own page. */
function readyPage() {
  const inner = frame.contentDocument;
  return inner && inner.URL !== "about:blank" && inner.readyState === "complete" ? inner : null;
}

/**
 * Say above what is shown that it is not what was asked for; nothing once it is.
 *
 * @param {string} name
 */
function sayState(name) {
  const state = byId("preview-state");
  state.hidden = !name;
  state.textContent = name ? say(name) : "";
}

/** A button that is pressed or not. @param {string} id */
const isPressed = (id) => byId(id).getAttribute("aria-pressed") === "true";

export class Preview {
  /** @param {Pick<Source, "fields" | "showFault" | "checked" | "preview">} source */
  constructor(source) {
    this.source = source;
    /** How the mail is shown; empty while the text is. */
    this.look = "";
    /** The mail as it came last, by its parts. @type {Record<string, string> | null} */
    this.mail = null;
    /** What is to be asked next. @type {URLSearchParams | null} */
    this.waiting = null;
    this.isAsking = false;
    this.checks = 0;
    this.drawn = () => this.draw();
    this.again = debounce(AGAIN, () => this.ask());
    this.soon = debounce(60, () => this.ask());
    this.checkSoon = debounce(400, () => this.check());
    this.checkAgain = debounce(AGAIN, () => this.check());
    byId("shown-as").addEventListener("change", (event) => {
      if (event.target === selected()) this.choose(selected().value, "");
    });
    for (const id of ["in-dark", "as-source"])
      byId(id).addEventListener("click", () => {
        byId(id).setAttribute("aria-pressed", String(!isPressed(id)));
        this.draw();
        this.ask();
      });
    document.addEventListener("click", (event) => {
      const link =
        event.target instanceof Element &&
        /** @type {HTMLElement | null} */ (event.target.closest("a[data-as]"));
      if (!link) return;
      event.preventDefault();
      this.follow(link);
    });
  }

  /** Show the mail so; empty shows none. @param {string} look */
  show(look) {
    this.look = look;
    this.draw();
    this.ask();
  }

  changed() {
    if (this.look) this.soon();
    this.checkSoon();
  }

  draw() {
    const { look, mail } = this,
      isDrawn = this.isDrawn(),
      asSource = isDrawn && isPressed("as-source");
    byId("looks").hidden = !isDrawn;
    frame.hidden = !isDrawn || asSource;
    byId("words").hidden = look !== "plain" && !asSource;
    byId("inbox").hidden = look !== "inbox";
    frame.classList.toggle("phone", look === "phone");
    if (!mail || mail.html === undefined) return;
    byId("words").textContent = look === "plain" ? mail.text : mail.html;
    all("[data-shown]").forEach((each) => {
      each.textContent = mail[String(each.dataset.shown)];
    });
    // Not before the frame has its own page: the blank one it begins with admits no styles of a
    // mail.
    const inner = readyPage();
    if (inner) redraw(inner, mail.html);
    else frame.addEventListener("load", this.drawn, { once: true });
  }

  /** Whether the mail is shown as it is drawn, on a computer or a telephone. */
  isDrawn() {
    return this.look === "desktop" || this.look === "phone";
  }

  /** Ask for the mail of what is typed; while an answer is waited for, of what is typed last. */
  async ask() {
    if (!this.look) return;
    this.waiting = new URLSearchParams({
      ...this.source.fields(),
      as: selected().value,
      dark: String(this.isDrawn() && isPressed("in-dark")),
    });
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      while (this.waiting) {
        const fields = this.waiting;
        this.waiting = null;
        await this.take(await post("/preview", fields).catch(() => null));
      }
    } finally {
      this.isAsking = false;
    }
  }

  /** @param {Response | null} answer */
  async take(answer) {
    const isFault = answer !== null && answer.status === 422;
    const reply = answer && (answer.ok || isFault) ? await answer.json().catch(() => null) : null;
    if (!reply) {
      const isOut = answer !== null && isSignedOut(answer);
      const isTooLong = answer !== null && answer.status === TOO_LONG;
      sayState(isOut ? "signedOut" : isTooLong ? "previewTooLong" : "previewOffline");
      if (!isOut && !isTooLong) this.again();
      return;
    }
    this.source.showFault(isFault ? reply : null);
    sayState(reply.html === undefined ? "previewFault" : "");
    if (isFault) return;
    this.mail = reply;
    this.draw();
  }

  /**
   * As whose mail it is shown: the page's address and its forms say it, too.
   *
   * @param {string} key
   * @param {string} name
   */
  choose(key, name) {
    this.checks += 1;
    const select = selected();
    if (![...select.options].some((option) => option.value === key))
      select.append(new Option(name, key));
    select.value = key;
    const here = new URL(location.href);
    if (key) here.searchParams.set("as", key);
    else here.searchParams.delete("as");
    history.replaceState(history.state, "", here);
    all("[data-shown-as]").forEach((input) => {
      /** @type {HTMLInputElement} */ (input).value = key;
    });
    this.soon();
    this.checkSoon();
  }

  /** Show it as for the reader that a link names. @param {HTMLElement} link */
  follow(link) {
    this.choose(link.dataset.as || "", link.textContent.trim());
    if (link.closest("#found-readers")) {
      byId("found-readers").replaceChildren();
      inputById("find-reader").value = "";
      selected().focus();
    }
    if (!this.look) this.source.preview();
  }

  /**
   * Check what is typed, and draw the findings anew.
   *
   * An answer brings the choice of reader with it: one that was asked for before another reader was
   * chosen would take the choice back.
   */
  async check() {
    const mine = (this.checks += 1);
    const answer = await post(
      "/findings",
      new URLSearchParams({ ...this.source.fields(), as: selected().value }),
    ).catch(() => null);
    const html = answer && answer.ok ? await answer.text().catch(() => null) : null;
    if (mine !== this.checks) return;
    if (html === null) {
      if (!answer || answer.ok || answer.status >= 500) this.checkAgain();
      return;
    }
    drawFindings(html);
    this.source.checked();
  }
}
