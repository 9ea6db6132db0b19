// A form's proof of work, solved while the form is filled in. Without scripts, or where the browser
// cannot solve it (it needs HTTPS), the form is sent all the same: then the stricter limits hold.
"use strict";
{
  const base = new URL(".", document.currentScript.src);
  const patience = 15_000;

  const solve = async (url) => {
    const answer = await fetch(url, { credentials: "omit" });
    const { parameters, signature } = await answer.json();
    const count = Math.max(1, Math.min(4, navigator.hardwareConcurrency || 2));
    const workers = Array.from({ length: count }, () => new Worker(new URL("vendor/altcha/pbkdf2.js", base)));
    try {
      const solution = await Promise.race(
        workers.map((worker, start) => new Promise((resolve, reject) => {
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
        })),
      );
      return btoa(JSON.stringify({ challenge: { parameters, signature }, solution }));
    } finally {
      for (const worker of workers) worker.terminate();
    }
  };

  const guard = (form) => {
    const field = form.elements.altcha;
    const status = form.querySelector("[data-working]");
    let solving = null;
    let sent = false;
    const begin = () => (solving ??= solve(form.dataset.challenge).then((work) => (field.value = work)).catch(() => {}));
    const reset = () => {
      solving = null;
      sent = false;
      field.value = "";
      if (status) status.textContent = "";
    };
    form.addEventListener("focusin", begin);
    if (form.contains(document.activeElement)) begin();
    form.addEventListener("submit", async (event) => {
      if (!sent && field.value) {
        sent = true;
        return;
      }
      event.preventDefault();
      if (sent) return;
      sent = true;
      if (status) status.textContent = status.dataset.working;
      await Promise.race([begin(), new Promise((resolve) => setTimeout(resolve, patience))]);
      form.submit();
    });
    // Back from the next page: what was solved is used up.
    window.addEventListener("pageshow", (event) => event.persisted && reset());
  };

  for (const form of document.querySelectorAll("form[data-challenge]")) guard(form);
}
