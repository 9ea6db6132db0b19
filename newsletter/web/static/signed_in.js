// Signing out, in whichever tab, clears this site's storage: pages of other tabs leave the screen
// then, as do those of one account where another one signed in.
"use strict";
{
  const { account = "" } = /** @type {HTMLScriptElement} */ (document.currentScript).dataset;
  let leaving = false;
  let signsOut = false;
  const leave = () => {
    if (signsOut) return;
    const mark = localStorage.getItem("signed-in");
    leaving = mark !== account;
    if (leaving) location.replace(mark ? "/home" : "/sign-in");
  };
  // The page that signs out is led away by the answer; a second way would cut the first one off.
  addEventListener("submit", ({ target }) => {
    signsOut = /** @type {HTMLFormElement} */ (target).matches('[action="/sign-out"]');
  });
  // No page asks then whether what is typed may be lost.
  addEventListener("beforeunload", (event) => {
    if (leaving) event.stopImmediatePropagation();
  });
  try {
    localStorage.setItem("signed-in", account);
    addEventListener("storage", leave);
    document.addEventListener("visibilitychange", leave);
  } catch {
    /* There is no storage, and so nothing that tells. */
  }

  // An answer to a script of this page may tell that the session ended: what is typed stays, and
  // goes on once somebody signed in in another tab, whose forms have other tokens.
  const notice = () => /** @type {HTMLElement} */ (document.getElementById("signed-out"));
  const tell = () => {
    notice().hidden = false;
  };
  document.addEventListener("signed-out", tell);
  document.addEventListener("htmx:responseError", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.xhr.status === 401) tell();
  });
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden || notice().hidden) return;
    const page = await fetch(location.href, {
      headers: { Accept: "text/html, application/json" },
    }).catch(() => null);
    if (!page || !page.ok) return;
    const signedIn = new DOMParser().parseFromString(await page.text(), "text/html");
    const token = /** @type {HTMLInputElement | null} */ (
      signedIn.querySelector('input[name="csrf"]')
    )?.value;
    if (!token) return;
    for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (
      document.querySelectorAll('input[name="csrf"]')
    ))
      field.value = token;
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRF-Token": token }));
    notice().hidden = true;
  });
}
