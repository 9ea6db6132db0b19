/* The approver's page: a part clicked in the mail is the one to comment on, and a comment's part is
   shown in the mail. The mail's frame has no scripts; this page, of the same origin, listens in it. */
const frame = document.querySelector("iframe.sent-mail");
const choice = document.getElementById("comment-anchor");
const words = document.getElementById("comment-words");
const mail = () => frame.contentDocument;
const anchors = () => (choice ? [...choice.options].map((option) => option.value).filter(Boolean) : []);
const mark = (element) => {
  for (const each of mail().querySelectorAll("[data-chosen]")) { each.style.outline = ""; delete each.dataset.chosen; }
  if (!element) return;
  element.dataset.chosen = "";
  element.style.outline = "3px solid #d08700";
  element.style.outlineOffset = "4px";
};
const placed = (anchor) => mail().getElementById(anchor) || mail().querySelector(`[name="${CSS.escape(anchor)}"]`);
/** The last part that begins before or at an element, in the order of reading. */
const partAt = (target) => {
  let found = "";
  for (const anchor of anchors()) {
    const element = placed(anchor);
    if (!element) continue;
    const order = element.compareDocumentPosition(target);
    if (element === target || order & Node.DOCUMENT_POSITION_FOLLOWING || order & Node.DOCUMENT_POSITION_CONTAINED_BY) found = anchor;
  }
  return found || (anchors().includes("lead") ? "lead" : "");
};
const listen = () => {
  if (!choice || !mail() || mail().URL === "about:blank") return;
  mail().addEventListener("click", (event) => {
    if (event.target.closest("a")) event.preventDefault();
    choice.value = partAt(event.target);
    mark(placed(choice.value));
    words.focus({ preventScroll: true });
    document.getElementById("comment-form").scrollIntoView({ block: "nearest" });
  });
};
if (frame.contentDocument && frame.contentDocument.readyState === "complete") listen();
frame.addEventListener("load", listen);
if (choice) choice.addEventListener("change", () => {
  const element = choice.value && placed(choice.value);
  mark(element);
  if (element) element.scrollIntoView({ block: "center" });
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-mail]");
  if (!link) return;
  const element = placed(link.dataset.mail);
  if (!element) return;
  event.preventDefault();
  mark(element);
  element.scrollIntoView({ block: "center" });
  frame.scrollIntoView({ block: "nearest" });
});
