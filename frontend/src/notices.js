/**
 * What happened to a paste or a file that was put in.
 *
 * It stays in sight until it is closed; what a person did and worked, until they go on, as it lies
 * over the text.
 */
import { all, announce, byId, element, say } from "./page.js";

/** @typedef {"warn" | "good" | "done"} Tone what the person did worked, if done. */
/** @type {Map<string, { sentences: string[], tone: Tone }>} */
const shown = new Map();

/**
 * Show what there is to say of something; it takes the place of what was said of it before.
 *
 * @param {string} about
 * @param {string[]} sentences none once there is nothing to say any more.
 * @param {Tone} [tone]
 */
export function notify(about, sentences, tone = "warn") {
  shown.delete(about);
  if (sentences.length) shown.set(about, { sentences, tone });
  draw();
  announce(sentences.join(" "));
}

/** @param {Event} event */
function goOn({ target }) {
  const done = [...shown].filter(([, { tone }]) => tone === "done");
  if (!done.length || (target instanceof Node && byId("notice").contains(target))) return;
  for (const [about] of done) shown.delete(about);
  draw();
}
document.addEventListener("pointerdown", goOn);
document.addEventListener("keydown", goOn);

function draw() {
  const box = byId("notice"),
    said = [...shown.values()],
    sentences = said.flatMap((each) => each.sentences);
  box.hidden = !sentences.length;
  box.classList.toggle(
    "warn",
    said.some(({ tone }) => tone === "warn"),
  );
  box.classList.toggle(
    "good",
    said.every(({ tone }) => tone !== "warn"),
  );
  box.replaceChildren(
    element(
      "ul",
      { class: "plain-list" },
      ...sentences.map((sentence) => element("li", {}, sentence)),
    ),
    element(
      "button",
      {
        type: "button",
        class: "second small",
        onclick: () => {
          shown.clear();
          draw();
          all(".mail")[0].focus();
        },
      },
      say("close"),
    ),
  );
}
