/* The block view: buttons, keys and dragging move a block; the server does it and draws it anew. */
import { askPicture, form, press, save, settle } from "./writing.js";

const blocks = document.getElementById("blocks"), said = document.getElementById("said");
const keyOf = (block) => {
  const heading = block.querySelector(".heading"), words = block.querySelector(".words");
  return `${block.className}|${heading ? heading.value : ""}|${words ? words.value.slice(0, 40) : ""}`;
};
const arm = () => { blocks.querySelectorAll(".add-picture").forEach((button) => { button.hidden = false; }); };

/** Draw the blocks anew, with those open that were, and the focus where work goes on. */
const redraw = (told, focus) => {
  const open = new Set([...blocks.querySelectorAll(".block details[open]")].map((each) => keyOf(each.closest(".block"))));
  const top = window.scrollY;
  blocks.innerHTML = told.blocks;
  blocks.querySelectorAll(".block").forEach((block) => {
    const folded = block.querySelector("details");
    if (folded && open.has(keyOf(block))) folded.open = true;
  });
  arm();
  window.scrollTo({ top });
  const block = told.focus && document.getElementById(`block-${told.focus}`);
  const next = block ? (focus && block.querySelector(focus)) || block.querySelector(".heading, .words") : blocks.querySelector("#undo button");
  if (next) { next.focus({ preventScroll: true }); next.scrollIntoView({ block: "nearest" }); }
  said.textContent = "";
  requestAnimationFrame(() => { said.textContent = told.said; });
  settle();
};
const act = async (button, focus) => {
  blocks.inert = true;
  const told = await press(button);
  blocks.inert = false;
  if (told) redraw(told, focus);
};

form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || button.name !== "press") return;
  event.preventDefault();
  act(button.value, button.dataset.act && `[data-act="${button.dataset.act}"]`);
});
form.addEventListener("keydown", (event) => {
  const block = event.target.closest(".block[data-index]");
  if (!block || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key) || block.dataset.index === "-1") return;
  event.preventDefault();
  const field = event.target, kind = field.name ? `[name="${field.name}"]` : ".heading";
  const focus = field.dataset.act ? `[data-act="${field.dataset.act}"]` : kind;
  act(`${event.key === "ArrowUp" ? "up" : "down"}:${block.dataset.index}`, focus);
});
blocks.addEventListener("input", (event) => {
  const row = event.target.closest(".link-row");
  if (!row || row.nextElementSibling || !event.target.value) return;
  const fresh = row.cloneNode(true);
  fresh.querySelectorAll("input").forEach((input) => { input.value = ""; });
  row.after(fresh);
});
blocks.addEventListener("click", (event) => {
  const button = event.target.closest(".add-picture");
  if (!button) return;
  document.getElementById("place").value = button.dataset.place;
  const areas = button.closest(".block").querySelectorAll(".words");
  askPicture(areas[areas.length - 1]);
});
document.getElementById("desk").addEventListener("picture", async () => { await save(); await act("redraw"); });

/* Dragging by the handle; a line shows behind which block it would land. */
let dragged = null;
const clear = () => { blocks.querySelectorAll(".landing").forEach((each) => each.classList.remove("landing")); };
blocks.addEventListener("dragstart", (event) => {
  if (!event.target.closest(".handle")) return;
  dragged = event.target.closest(".block");
  dragged.classList.add("dragged");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.querySelector(".heading").value);
  event.dataTransfer.setDragImage(dragged, 12, 12);
});
blocks.addEventListener("dragover", (event) => {
  const block = dragged && event.target.closest(".block[data-index]");
  if (!block) return;
  event.preventDefault();
  clear();
  if (block !== dragged) block.classList.add("landing");
});
blocks.addEventListener("drop", (event) => {
  const block = dragged && event.target.closest(".block[data-index]");
  if (!block || block === dragged) return;
  event.preventDefault();
  act(`place:${dragged.dataset.index}:${block.dataset.index}`, '[data-act="up"]');
});
blocks.addEventListener("dragend", () => { clear(); if (dragged) dragged.classList.remove("dragged"); dragged = null; });
arm();
