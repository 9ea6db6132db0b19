// Forms by which people join. On our pages it solves the form's proof of work while the form is
// filled in; on another site, with data-form="NEWSLETTER/FORM", it puts the form where its script
// stands and sends it. Where the browser cannot solve the work (it needs HTTPS), the form is sent
// all the same: then the stricter limits hold. A form that a browser filled in by itself is sent
// when it is old enough.
"use strict";
{
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  const base = new URL(".", script.src);
  const patience = 15_000;
  const begun = performance.now();

  /** @param {number} until */
  const wait = (until) => new Promise((resolve) => setTimeout(resolve, until - performance.now()));

  // A worker must be of the page's own origin: elsewhere it is a line that fetches ours.
  const work = () => {
    const solver = new URL("vendor/altcha/pbkdf2.js", base);
    if (solver.origin === location.origin) return new Worker(solver);
    const line = new Blob([`importScripts(${JSON.stringify(solver.href)})`], {
      type: "text/javascript",
    });
    return new Worker(URL.createObjectURL(line));
  };

  /** @param {string} url */
  const solve = async (url) => {
    const answer = await fetch(url, { credentials: "omit" });
    const { parameters, signature } = await answer.json();
    const count = Math.max(1, Math.min(4, navigator.hardwareConcurrency || 2));
    const workers = Array.from({ length: count }, work);
    try {
      const solution = await Promise.race(
        workers.map(
          (worker, start) =>
            new Promise((resolve, reject) => {
              worker.onerror = reject;
              worker.onmessage = ({ data }) => (data?.derivedKey ? resolve(data) : reject(data));
              worker.postMessage({
                type: "work",
                challenge: { parameters },
                counterMode: "uint32",
                counterStart: start,
                counterStep: count,
                timeout: patience,
              });
            }),
        ),
      );
      return btoa(JSON.stringify({ challenge: { parameters, signature }, solution }));
    } finally {
      for (const worker of workers) worker.terminate();
    }
  };

  /** @param {HTMLFormElement} form @param {string} name */
  const field = (form, name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

  /**
   * Solve the work of a form; `send` is called once, with or without it.
   *
   * @param {HTMLFormElement} form
   * @param {(reset: () => void) => unknown} send
   */
  const guard = (form, send) => {
    const solution = field(form, "altcha");
    const status = /** @type {HTMLElement} */ (form.querySelector("[data-working]"));
    /** @type {Promise<unknown> | null} */
    let solving = null;
    let sent = false;
    const begin = () =>
      (solving ??= solve(String(form.dataset.challenge))
        .then((text) => (solution.value = text))
        .catch(() => {}));
    const reset = () => {
      solving = null;
      sent = false;
      solution.value = "";
      status.textContent = "";
    };
    form.addEventListener("focusin", begin);
    if (form.contains(document.activeElement)) begin();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (sent) return;
      sent = true;
      status.textContent = status.dataset.working || "";
      await Promise.race([begin(), wait(performance.now() + patience)]);
      await wait(begun + 1000 * Number(form.dataset.soonest || 0));
      await send(reset);
    });
    // Back from the next page: what was solved is used up.
    window.addEventListener("pageshow", (event) => event.persisted && reset());
  };

  /**
   * Put the form where it cannot be shown, as on a website that is not the newsletter's: a link to
   * it for readers, and a line for whoever made the page.
   *
   * @param {string} name @param {HTMLElement} place @param {unknown} fault
   */
  const lead = (name, place, fault) => {
    const link = document.createElement("a");
    link.href = new URL(`../subscribe/${name}`, base).href;
    link.textContent = link.href;
    place.replaceChildren(link);
    console.error(`The form ${name} is not shown: is this website entered as its own?`, fault);
  };

  /** @param {string} name @param {HTMLElement} place */
  const embed = async (name, place) => {
    const language = script.dataset.lang || document.documentElement.lang.split("-")[0];
    const answer = await fetch(
      new URL(`../subscribe/${name}/embed?lang=${encodeURIComponent(language)}`, base),
      { credentials: "omit" },
    );
    if (!answer.ok) throw new Error(`The form ${name} answers ${answer.status}.`);
    place.innerHTML = (await answer.json()).markup;
    const form = /** @type {HTMLFormElement} */ (place.querySelector("form"));
    field(form, "time_zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
    guard(form, async (reset) => {
      const status = /** @type {HTMLElement} */ (form.querySelector("[data-working]"));
      try {
        const reply = await fetch(form.action, {
          method: "POST",
          headers: { Accept: "application/json" },
          body: new URLSearchParams(
            [...new FormData(form)].map(([name, value]) => [name, String(value)]),
          ),
          credentials: "omit",
        });
        const answer = await reply.json();
        if (reply.ok && answer.next) return location.assign(answer.next);
        if (!reply.ok) {
          reset();
          // Sent again unchanged, an address that was asked about is meant.
          if (answer.field === "email")
            field(form, "questioned").value = field(form, "email").value;
          const wrong =
            form.elements.namedItem(answer.field) ||
            form.elements.namedItem(`field.${answer.field}`);
          const first = wrong instanceof RadioNodeList ? wrong[0] : wrong;
          if (first instanceof HTMLElement) first.focus();
        }
        status.textContent = answer.message;
        if (reply.ok) form.replaceChildren(status);
      } catch {
        reset();
        status.textContent = status.dataset.failed || "";
      }
    });
  };

  const forms = /** @type {NodeListOf<HTMLFormElement>} */ (
    document.querySelectorAll("form[data-challenge]")
  );
  const asked = script.dataset.form;
  if (asked) {
    const place = document.createElement("div");
    place.className = "newsletter-form";
    script.after(place);
    embed(asked, place).catch((fault) => lead(asked, place, fault));
  } else for (const form of forms) guard(form, () => form.submit());
}
