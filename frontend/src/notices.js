/** What happened to a paste or a file that was put in: it stays in sight until it is closed. */
import { all, announce, byId, element, say } from "./page.js";

/** @type {Map<string, { sentences: string[], tone: "warn" | "good" }>} */
const shown = new Map();

/**
 * Show what there is to say of something; it takes the place of what was said of it before.
 *
 * @param {string} about
 * @param {string[]} sentences none once there is nothing to say any more.
 * @param {"warn" | "good"} [tone]
 */
export function notify(about, sentences, tone = "warn") {
  shown.delete(about);
  if (sentences.length) shown.set(about, { sentences, tone });
  draw();
  announce(sentences.join(" "));
}

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
    said.every(({ tone }) => tone === "good"),
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
