// Signing out, in whichever tab, clears this site's storage: pages of other tabs leave the screen then,
// as do those of one account where another one signed in.
"use strict";
{
  const { account = "" } = /** @type {HTMLScriptElement} */ (document.currentScript).dataset;
  let leaving = false;
  const leave = () => {
    const mark = localStorage.getItem("signed-in");
    leaving = mark !== account;
    if (leaving) location.replace(mark ? "/home" : "/sign-in");
  };
  // No page asks then whether what is typed may be lost.
  addEventListener("beforeunload", (event) => { if (leaving) event.stopImmediatePropagation(); });
  try {
    localStorage.setItem("signed-in", account);
    addEventListener("storage", leave);
    document.addEventListener("visibilitychange", leave);
  } catch { /* There is no storage, and so nothing that tells. */ }
}
