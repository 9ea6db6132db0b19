/* The approver's page: a block clicked in the mail is the one to comment on, and what a comment is
   about is shown in the mail. Blocks have no anchors there and are known by the words they begin
   with. The mail's frame has no scripts; this page, of the same origin, listens in it. */
const frame = /** @type {HTMLIFrameElement} */ (document.querySelector("iframe.sent-mail"));
const choice = /** @type {HTMLSelectElement | null} */ (document.getElementById("comment-anchor"));
const words = /** @type {HTMLElement} */ (document.getElementById("comment-words"));
const mail = () => /** @type {Document} */ (frame.contentDocument);
const options = () => (choice ? [...choice.options].filter((option) => option.value) : []);
const anchors = () =>
  options()
    .filter((option) => !option.dataset.part)
    .map((option) => option.value);
/** @param {string} text */
const close = (text) => text.replace(/\s+/g, "");
/**
 * What an element says, its pictures by their descriptions, without spaces.
 *
 * @param {Element} element
 */
const wordsOf = (element) =>
  close(
    [
      element.textContent,
      element.getAttribute("alt") || "",
      ...[...element.querySelectorAll("img")].map((each) => each.alt),
    ].join(""),
  );
/** @param {string} part */
const blocksOf = (part) =>
  options()
    .filter((option) => option.dataset.part === part)
    .map((option) => ({ anchor: option.value, words: close(option.dataset.words || "") }));
/** @param {HTMLElement | null} element */
const mark = (element) => {
  for (const each of /** @type {NodeListOf<HTMLElement>} */ (
    mail().querySelectorAll("[data-chosen]")
  )) {
    each.style.outline = "";
    delete each.dataset.chosen;
  }
  if (!element) return;
  element.dataset.chosen = "";
  element.style.outline = "3px solid #d08700";
  element.style.outlineOffset = "4px";
};
/** @param {string} anchor @returns {HTMLElement | null} */
const placedPart = (anchor) =>
  mail().getElementById(anchor) || mail().querySelector(`[name="${CSS.escape(anchor)}"]`);
/**
 * The last part that begins before or at an element, in the order of reading.
 *
 * @param {Element} target
 */
const partAt = (target) => {
  let found = "";
  for (const anchor of anchors()) {
    const element = placedPart(anchor);
    if (!element) continue;
    const order = element.compareDocumentPosition(target);
    if (
      element === target ||
      order & Node.DOCUMENT_POSITION_FOLLOWING ||
      order & Node.DOCUMENT_POSITION_CONTAINED_BY
    )
      found = anchor;
  }
  return found || (anchors().includes("lead") ? "lead" : "");
};
/**
 * The blocks of a part with their elements: each the innermost that holds the words of the block,
 * the first behind the block before. What one block says may stand in another, too.
 *
 * @param {string} part
 */
const placedBlocks = (part) => {
  let rest = /** @type {HTMLElement[]} */ ([...mail().body.querySelectorAll("*")]).filter(
    (each) => partAt(each) === part,
  );
  return blocksOf(part).flatMap(({ anchor, words: sought }) => {
    const holding = rest.filter((each) => wordsOf(each).includes(sought));
    const innermost = holding.find(
      (each) => !holding.some((other) => other !== each && each.contains(other)),
    );
    if (!sought || !innermost) return [];
    // A table's words may be those of its head alone; tables that lay the mail out are no blocks.
    const table = innermost.closest('table:not([role="presentation"])'),
      element = /** @type {HTMLElement} */ (table || innermost);
    rest = rest.filter(
      (each) =>
        element.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING &&
        !element.contains(each),
    );
    return [{ anchor, element }];
  });
};
/**
 * The element of a part or of a block; of its part, where none is certain.
 *
 * @param {string} anchor
 */
const placed = (anchor) => {
  const part = options().find((each) => each.value === anchor)?.dataset.part;
  if (!part) return placedPart(anchor);
  const found = placedBlocks(part).find((each) => each.anchor === anchor);
  return found ? found.element : placedPart(part);
};
/**
 * The block of a part that an element stands in; the part where it is its heading, or none is
 * certain.
 *
 * @param {Element} target
 * @param {string} part
 */
const blockAt = (target, part) => {
  const option = options().find((each) => each.value === part),
    heading = option ? close(option.textContent) : "",
    blocks = placedBlocks(part);
  for (
    let each = /** @type {Element | null} */ (target);
    each && each !== mail().body;
    each = each.parentElement
  ) {
    const here = each,
      shown = wordsOf(here);
    if (heading && shown.endsWith(heading) && shown.length < heading.length + 6) return part;
    const holding = blocks.filter(
      ({ element }) => element.contains(here) || here.contains(element),
    );
    if (holding.length === 1) return holding[0].anchor;
    if (holding.length) return part;
  }
  return part;
};
const listen = () => {
  if (!choice || !isThere()) return;
  mail().addEventListener("click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("a")) event.preventDefault();
    choice.value = blockAt(target, partAt(target));
    mark(/** @type {HTMLElement | null} */ (placed(choice.value)));
    words.focus({ preventScroll: true });
    /** @type {HTMLElement} */ (document.getElementById("comment-form")).scrollIntoView({
      block: "nearest",
    });
  });
  /** @type {HTMLElement} */ (document.getElementById("comment-anchor-hint")).hidden = false;
};
const isThere = () => mail() && mail().URL !== "about:blank" && mail().readyState === "complete";
/** Do something with the mail: at once, or when it has come. @param {() => void} act */
const withMail = (act) => {
  if (isThere()) act();
  else frame.addEventListener("load", act, { once: true });
};
/** @param {string} anchor */
const show = (anchor) => {
  const element = /** @type {HTMLElement | null} */ (anchor ? placed(anchor) : null);
  mark(element);
  if (element) element.scrollIntoView({ block: "center" });
};
if (isThere()) listen();
frame.addEventListener("load", listen);
if (choice) choice.addEventListener("change", () => withMail(() => show(choice.value)));
document.addEventListener("click", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const link = /** @type {HTMLElement | null} */ (target.closest("a[data-mail]"));
  if (!link) return;
  const anchor = link.dataset.mail || "";
  if (isThere() && !placed(anchor)) return;
  event.preventDefault();
  withMail(() => show(anchor));
});
