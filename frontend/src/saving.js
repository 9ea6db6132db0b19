/**
 * Saving: by itself, one at a time, in the order of typing; whatever leaves the page waits for it.
 */
import { keepCopy } from "./device_copy.js";
import { notify } from "./notices.js";
import {
  all,
  byId,
  debounce,
  desk,
  element,
  fieldsOf,
  form,
  inputById,
  isSignedOut,
  post,
  say,
} from "./page.js";
import { showVersions } from "./pieces.js";
/** @import { Clash, Copy, Fault, Saved, Source } from "./types.js" */

/* What the state is called, and how it looks. */
const SHOWN = {
  saved: "saved",
  saving: "saving",
  notSaved: "notSaved",
  offline: "offline",
  signedOut: "signedOut",
  conflict: "bothChanged",
};
/* How long after a save that failed the next one is tried, and how long after typing the first, in
   milliseconds. */
const AGAIN = 5000,
  SOON = 1000;

/**
 * Send what is typed; what the server says to it is null where it has no words.
 *
 * @param {Record<string, string>} fields
 * @returns {Promise<{ answer: Response, reply: Saved | Clash | Fault | null }>}
 */
async function ask(fields) {
  const answer = await post("", new URLSearchParams(fields));
  const isOurs = (answer.headers.get("content-type") || "").includes("json");
  return { answer, reply: isOurs ? await answer.json() : null };
}

/** Every form of the page is of this revision now. @param {string} revision */
function keepRevision(revision) {
  /** @type {HTMLInputElement[]} */ (all('input[name="revision"]')).forEach((field) => {
    field.value = revision;
  });
}

const clashes = () => /** @type {HTMLDialogElement} */ (byId("clashes"));
/**
 * Show the versions of what both changed, beside each other.
 *
 * @param {Clash} clash
 * @param {(choices: Record<string, string>) => void} choose
 */
function openClashes(clash, choose) {
  const dialog = clashes(),
    chosen = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  byId("clash-fields").innerHTML = clash.form;
  all("#clash-fields .versions").forEach((each) => {
    const places = /** @type {HTMLElement[]} */ ([...each.querySelectorAll("[data-blocks]")]);
    showVersions(
      places,
      places.map((place) => JSON.parse(String(place.dataset.blocks))),
    );
  });
  dialog.returnValue = "";
  chosen.onsubmit = (event) => {
    event.preventDefault();
    dialog.close();
    choose(Object.fromEntries(fieldsOf(chosen)));
  };
  dialog.showModal();
}

export class Saving {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    this.saved = source.version();
    /** What the text was made of: the last that was saved, or the page's own. */
    this.began = source.fields();
    /** The save that is under way. @type {Promise<Saved | null> | null} */
    this.current = null;
    /** What a person has yet to choose of. @type {Clash | null} */
    this.clash = null;
    this.isLeaving = false;
    this.words = "";
    this.copy = keepCopy(() =>
      this.isTyped()
        ? {
            at: Date.now(),
            revision: inputById("revision").value,
            fields: source.fields(),
            base: this.began,
          }
        : null,
    );
    this.soon = debounce(SOON, () => this.save());
    this.again = debounce(AGAIN, () => this.save());
    byId("clash").addEventListener("click", () => this.choose());
    byId("clashes-later").addEventListener("click", () => clashes().close());
    window.addEventListener("online", () => this.save());
    // Whoever was signed out comes back from the tab in which they signed in.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.isTyped()) this.save();
    });
    window.addEventListener("pageshow", () => {
      this.isLeaving = false;
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.isTyped()) event.preventDefault();
    });
    document.addEventListener("submit", (event) => this.beforeSubmit(event));
    document.addEventListener("click", (event) => this.beforeLink(event));
    form.addEventListener("formdata", (event) => {
      for (const name of ["text", "view", "issue", "template"]) event.formData.delete(name);
      for (const [name, value] of Object.entries(source.fields())) event.formData.set(name, value);
    });
  }

  isTyped() {
    return this.source.version() !== this.saved;
  }

  /**
   * Say how saving stands: always in sight, and heard when it becomes worse.
   *
   * @param {keyof typeof SHOWN} name
   * @param {Record<string, unknown>} [values]
   */
  show(name, values = {}) {
    if (name !== "conflict") this.clash = null;
    const state = byId("state"),
      words = say(SHOWN[name], values);
    byId("clash").hidden = !this.clash;
    state.dataset.state = name;
    if (words === this.words) return;
    this.words = words;
    state.replaceChildren(
      name === "signedOut"
        ? element(
            "a",
            {
              href: `/sign-in?next=${encodeURIComponent(String(desk.dataset.here))}`,
              target: "_blank",
            },
            words,
          )
        : words,
    );
  }

  changed() {
    if (!this.clash) this.show("notSaved");
    this.soon();
    this.copy.writeSoon();
  }

  /**
   * Save what is typed; null where there was nothing to save, or it was not.
   *
   * @param {Record<string, string>} [more] what is asked for with it
   */
  save(more = {}) {
    const isAsked = Object.keys(more).length > 0;
    return this.inTurn(async () => {
      if (!this.isTyped() && !isAsked) return null;
      // Half a word of an input method is no text yet.
      if (this.source.busy() && !isAsked) {
        this.soon();
        return null;
      }
      const before = this.source.version(),
        kept = await this.send(more);
      if (this.source.version() !== before) this.soon();
      return kept;
    });
  }

  /** @param {() => Promise<Saved | null>} act */
  async inTurn(act) {
    while (this.current) await this.current;
    this.current = act();
    try {
      return await this.current;
    } finally {
      this.current = null;
    }
  }

  /** @param {Record<string, string>} more @returns {Promise<Saved | null>} */
  async send(more) {
    const version = this.source.version(),
      fields = this.source.fields();
    if (!this.clash) this.show("saving");
    try {
      const sent = { ...fields, revision: inputById("revision").value, ...more };
      let { answer, reply } = await ask(sent);
      if (answer.status === 409 && reply && "form" in reply && reply.author) {
        const base = Object.fromEntries(
          Object.entries(this.began).map(([name, value]) => [`base-${name}`, value]),
        );
        ({ answer, reply } = await ask({ ...sent, ...base }));
      }
      if (answer.ok && reply && "revision" in reply) {
        this.take(reply, fields, version);
        return reply;
      }
      this.refused(answer, reply);
    } catch {
      this.show("offline");
      this.again();
    }
    return null;
  }

  /**
   * Take over what was saved, and what the server changed in it.
   *
   * @param {Saved} kept
   * @param {Record<string, string>} fields what was sent
   * @param {unknown} version of what was sent
   */
  take(kept, fields, version) {
    const { source } = this,
      isUnchanged = source.version() === version && !source.busy();
    source.showFault(null);
    this.began = fields;
    // What the server changed is taken once nobody types; until then it is merged again.
    if (kept.issue && !isUnchanged) {
      this.show("notSaved");
      this.soon();
      return;
    }
    keepRevision(String(kept.revision));
    if (kept.issue) {
      source.take(kept);
      this.began = source.fields();
      if (kept.author) notify("joined", [say("joined", { author: kept.author })], "good");
    }
    this.saved = kept.issue ? source.version() : version;
    this.show(this.isTyped() ? "notSaved" : "saved");
    if (!this.isTyped()) this.copy.forget();
  }

  /**
   * Say why it was not saved; what may pass by itself is tried again.
   *
   * @param {Response} answer
   * @param {Saved | Clash | Fault | null} reply
   */
  refused(answer, reply) {
    if (answer.status === 409 && reply && "form" in reply) {
      this.clash = reply;
      this.show("conflict", { author: reply.author });
      return;
    }
    this.show(isSignedOut(answer) ? "signedOut" : answer.status >= 500 ? "offline" : "notSaved");
    if (answer.status === 422 && reply && "what" in reply) this.source.showFault(reply);
    else this.again();
  }

  /** Let a person choose between the versions of what both changed. */
  choose() {
    if (this.clash) openClashes(this.clash, (choices) => this.save(choices));
  }

  /**
   * What is typed is saved before a form leaves the page.
   *
   * A form that is about the text as it stands has its revision, and goes once that is saved; any
   * other goes whatever became of saving: the page asks then whether to leave.
   *
   * @param {SubmitEvent} event
   */
  async beforeSubmit(event) {
    const sent = /** @type {HTMLFormElement} */ (event.target);
    if (event.defaultPrevented || sent.method === "dialog" || sent.target) return;
    if (this.isLeaving) {
      event.preventDefault();
      return;
    }
    const takesTheText = sent === form,
      needsTheText = Boolean(sent.elements.namedItem("revision"));
    if (!this.current && (takesTheText || !this.isTyped())) {
      this.isLeaving = true;
      this.saved = this.source.version();
      return;
    }
    event.preventDefault();
    await this.save();
    if (this.isTyped() && needsTheText) {
      this.choose();
      return;
    }
    const button = event.submitter;
    // A finding's button may have been drawn anew meanwhile.
    if (button && !button.isConnected) {
      button.hidden = true;
      sent.append(button);
    }
    if (!this.isTyped()) {
      sent.requestSubmit(button);
      return;
    }
    // It would be asked again for the text that could not be saved; what a button says goes along.
    if (button instanceof HTMLButtonElement && button.name)
      sent.append(element("input", { type: "hidden", name: button.name, value: button.value }));
    sent.submit();
  }

  /** What is typed is saved before a link leaves the page. @param {MouseEvent} event */
  async beforeLink(event) {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const isOther =
      event.defaultPrevented ||
      event.button ||
      event.ctrlKey ||
      event.metaKey ||
      event.shiftKey ||
      event.altKey;
    if (!link || isOther || link.target || link.hasAttribute("download") || !this.isTyped()) return;
    if (link.origin !== location.origin || (link.pathname === location.pathname && link.hash))
      return;
    event.preventDefault();
    await this.save();
    location.assign(link.href);
  }

  /**
   * Take a text for one that was made of an earlier revision: it is merged when it is saved.
   *
   * @param {Copy} copy
   */
  restored(copy) {
    keepRevision(copy.revision);
    this.began = copy.base;
  }

  /** Save now, as a version that stays in the history. */
  async keep() {
    await this.save({ kept: "1" });
    this.choose();
  }

  /** Take what is shown for what is saved. */
  settle() {
    this.saved = this.source.version();
    if (byId("state").dataset.state === "notSaved") this.show("saved");
  }
}
