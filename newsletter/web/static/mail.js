/* A mail in its frame, as tall as it is: it is read with the page, not in a box that scrolls of its
   own. Above it readers choose how it is looked at. The frame has no scripts; this page, of the
   same origin, measures it. */
/** @param {HTMLIFrameElement} frame */
const fit = (frame) => {
  const inner = frame.contentDocument;
  if (!inner || inner.URL === "about:blank" || !inner.body) return;
  const margin = parseFloat(getComputedStyle(inner.body).marginBottom) || 0,
    border = frame.offsetHeight - frame.clientHeight;
  const bottom =
    inner.body.getBoundingClientRect().bottom +
    (inner.scrollingElement ? inner.scrollingElement.scrollTop : 0);
  frame.style.height = `${Math.ceil(bottom + margin + border)}px`;
};
/** @param {HTMLIFrameElement} frame */
const drawn = (frame) => {
  const inner = frame.contentDocument;
  if (!inner || inner.URL === "about:blank") return;
  fit(frame);
  for (const picture of inner.images) picture.addEventListener("load", () => fit(frame));
  const sought = inner.querySelector(":target");
  if (sought) sought.scrollIntoView();
};
/**
 * Look at a mail on a computer or on a telephone, and on a dark background or not.
 *
 * @param {HTMLIFrameElement} frame
 * @param {string} look
 * @param {boolean} isDark
 */
const look = (frame, look, isDark) => {
  frame.classList.toggle("phone", look === "phone");
  const address = new URL(frame.src),
    dark = isDark ? "1" : "";
  if ((address.searchParams.get("dark") || "") === dark) return fit(frame);
  address.hash = "";
  if (dark) address.searchParams.set("dark", dark);
  else address.searchParams.delete("dark");
  frame.src = address.href;
};
/** @type {NodeListOf<HTMLIFrameElement>} */
const frames = document.querySelectorAll("iframe.sent-mail");
for (const frame of frames) {
  frame.addEventListener("load", () => drawn(frame));
  if (frame.contentDocument && frame.contentDocument.readyState === "complete") drawn(frame);
  const choice = frame.previousElementSibling;
  if (!(choice instanceof HTMLElement) || !choice.matches(".looks")) continue;
  choice.hidden = false;
  choice.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (!button) return;
    const dark = /** @type {HTMLElement} */ (choice.querySelector("[data-dark]"));
    if (button === dark)
      dark.setAttribute("aria-pressed", String(dark.getAttribute("aria-pressed") !== "true"));
    else
      for (const each of choice.querySelectorAll("[data-look]"))
        each.setAttribute("aria-pressed", String(each === button));
    /** @type {HTMLElement | null} */
    const chosen = choice.querySelector('[data-look][aria-pressed="true"]');
    look(frame, chosen?.dataset.look || "", dark.getAttribute("aria-pressed") === "true");
  });
}
addEventListener("resize", () => frames.forEach(fit));
