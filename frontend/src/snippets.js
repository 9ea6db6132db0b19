/** Snippets: chosen by what they hold, and kept from what stands in the mail. */
import { insert } from "./commands.js";
import { ask, letLeave } from "./dialogs.js";
import { blocksIn } from "./issue.js";
import { drawBlocks, NODE_VIEWS } from "./node_views.js";
import { notify } from "./notices.js";
import { endOf, flowEnd, flowIndex, levelOf } from "./outline.js";
import { desk, element, folded, offered, postTo, say, wordsOf } from "./page.js";
import { schema } from "./schema.js";
/** @import { Node as DocNode } from "prosemirror-model" */
/** @import { EditorState } from "prosemirror-state" */
/** @import { EditorView } from "prosemirror-view" */
/** @import { Block, Fault, KeptSnippet } from "./types.js" */

/**
 * Whether a snippet has some words in its name.
 *
 * @param {KeptSnippet} snippet
 * @param {string} sought
 */
export const isNamed = (snippet, sought) => folded(snippet.name).includes(folded(sought));

/**
 * Put a snippet in where the caret is.
 *
 * @param {EditorView} view
 * @param {string} name
 */
export function addSnippet(view, name) {
  view.focus();
  insert(schema.nodes.snippet.create({ value: { kind: "snippet", name } }))(
    view.state,
    view.dispatch,
  );
}

/**
 * Show snippets as they are now, once their page in another tab says that one may have changed.
 *
 * @param {EditorView} view
 */
export function followSnippets(view) {
  const channel = new BroadcastChannel("snippets");
  channel.onmessage = async ({ data }) => {
    if (data.newsletter !== String(desk.dataset.snippetsAt).split("/")[2]) return;
    const answer = await fetch(location.href).catch(() => null);
    if (!answer || !answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const { snippets } = page.getElementById("desk")?.dataset || {};
    if (!snippets || snippets === desk.dataset.snippets) return;
    desk.dataset.snippets = snippets;
    // All is drawn anew where another function draws it.
    view.setProps({
      nodeViews: { ...NODE_VIEWS, snippet: (...node) => NODE_VIEWS.snippet(...node) },
    });
  };
}

/**
 * Show the snippets as they are in the mail; a press chooses.
 *
 * @param {string} chosen the name of the one that is there already
 * @returns {Promise<string | null>} a name; nothing to take it out, null when it was left.
 */
function askSnippet(chosen = "") {
  return new Promise((done) => {
    const dialog = element("dialog", {
      class: "asking choosing",
      "aria-label": say("snippet.choose"),
    });
    /** @param {string | null} name */
    const finish = (name) => {
      dialog.close();
      dialog.remove();
      done(name);
    };
    /** @param {KeptSnippet} snippet @param {number} at */
    const entry = (snippet, at) => {
      const drawn = element(
        "div",
        { class: "kept-drawn mail", id: `kept-${at}`, "aria-hidden": "true", inert: true },
        drawBlocks(snippet.blocks),
      );
      const button = element(
        "button",
        {
          type: "button",
          "aria-describedby": drawn.id,
          "aria-pressed": chosen ? String(snippet.name === chosen) : undefined,
          onclick: () => finish(snippet.name),
        },
        snippet.name,
      );
      return {
        snippet,
        words: `${snippet.name} ${drawn.textContent}`,
        row: element("li", { class: "kept-snippet" }, button, drawn),
      };
    };
    const entries = offered("snippets").map(entry);
    const list = element(
      "ul",
      { class: "kept kept-snippets", "aria-label": say("snippet.list") },
      ...entries.map(({ row }) => row),
    );
    const status = element("p", { class: "quiet", role: "status" });
    const search = element("input", {
      id: "kept-search",
      type: "search",
      autocomplete: "off",
      maxlength: 80,
    });
    search.addEventListener("input", () => {
      entries.forEach(({ words, row }) => {
        row.hidden = !folded(words).includes(folded(search.value.trim()));
      });
      status.textContent = entries.every(({ row }) => row.hidden) ? say("library.none") : "";
    });
    dialog.append(
      element(
        "div",
        { class: "stack" },
        element("h2", { class: "asking-title" }, say("snippet.choose")),
        element(
          "div",
          { class: "field" },
          element("label", { for: search.id }, say("snippet.search")),
          search,
        ),
        list,
        status,
        element(
          "div",
          { class: "row spread" },
          element(
            "span",
            { class: "row" },
            element(
              "button",
              { type: "button", class: "second", onclick: () => finish(null) },
              say("cancel"),
            ),
            element("a", { href: desk.dataset.snippetsAt, target: "_blank" }, say("snippet.pages")),
          ),
          chosen
            ? element(
                "button",
                { type: "button", class: "second grave", onclick: () => finish("") },
                say("delete"),
              )
            : null,
        ),
      ),
    );
    letLeave(dialog, () => finish(null));
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Choose a snippet, and put it in where the caret is. @param {EditorView} view */
export async function chooseSnippet(view) {
  const name = await askSnippet();
  view.focus();
  if (name) addSnippet(view, name);
}

/**
 * Choose which snippet stands at a position.
 *
 * @param {EditorView} view
 * @param {number | undefined} pos none once the node is gone
 */
export async function changeSnippet(view, pos) {
  const node = pos === undefined ? null : view.state.doc.nodeAt(pos);
  if (pos === undefined || !node) return;
  const name = await askSnippet(node.attrs.value.name);
  view.focus();
  if (name === null || view.state.doc.nodeAt(pos) !== node) return;
  const { tr } = view.state;
  view.dispatch(
    name
      ? tr.setNodeAttribute(pos, "value", { ...node.attrs.value, name })
      : tr.delete(pos, pos + node.nodeSize),
  );
}

/**
 * The blocks that the selection reaches into, as a snippet can hold them; none where a part begins
 * among them.
 *
 * @param {EditorState} state
 */
function chosenNodes({ doc, selection: { $from, $to } }) {
  const first = flowIndex($from),
    last = $to.depth || !$to.nodeBefore ? flowIndex($to) : $to.index(0) - 1;
  return first < 0 || last < 0 ? [] : doc.children.slice(first, last + 1);
}

/** @param {readonly DocNode[]} nodes */
const keepable = (nodes) =>
  nodes.length > 0 &&
  !nodes.some((node) => levelOf(node) || ["snippet", "contents"].includes(node.type.name)) &&
  blocksIn([...nodes]).length > 0;

/** Whether what is chosen can be kept as a snippet. @param {EditorState} state */
export const takesKeeping = (state) => keepable(chosenNodes(state));

/** Keep what is chosen. @param {EditorView} view */
export function keepChosen(view) {
  if (takesKeeping(view.state)) keepSnippet(view, blocksIn(chosenNodes(view.state)));
}

/**
 * The blocks of what begins at an index of the flow: of a part, its text without the heading.
 *
 * @param {DocNode} doc
 * @param {number} index
 */
function nodesAt(doc, index) {
  const nodes = doc.children.slice(index, endOf(doc, index));
  return levelOf(nodes[0]) ? nodes.slice(1) : nodes;
}

/** @param {DocNode} doc @param {number} index */
export const canKeepAt = (doc, index) =>
  index >= 0 && index < flowEnd(doc) && keepable(nodesAt(doc, index));

/** Keep what begins at an index of the flow. @param {EditorView} view @param {number} index */
export function keepAt(view, index) {
  keepSnippet(view, blocksIn(nodesAt(view.state.doc, index)));
}

/** What a name may begin with: the first words of some blocks. @param {Element} drawn */
const firstWords = (drawn) => (drawn.textContent || "").trim().split(/\s/)[0].slice(0, 20);

/**
 * Ask under what name blocks are kept, and keep them; what is refused is asked again.
 *
 * @param {EditorView} view
 * @param {Block[]} blocks
 */
async function keepSnippet(view, blocks) {
  const drawn = drawBlocks(blocks);
  let name = firstWords(drawn),
    fault = "";
  for (;;) {
    const answer = await ask({
      title: say("snippet.keep"),
      act: say("snippet.save"),
      values: { name },
      fault,
      fields: [{ name: "name", word: "snippetName", hint: "snippetNameHint", required: true }],
      extra: element("div", { class: "kept-drawn mail", inert: true }, drawn),
    });
    if (!answer || answer === "remove") break;
    name = String(answer.name);
    fault = await send(name, blocks);
    if (!fault) {
      notify("snippet", [say("snippetKept", { name })], "done");
      break;
    }
  }
  view.focus();
}

/**
 * Have the server keep a snippet; why it does not, in words.
 *
 * @param {string} name
 * @param {Block[]} blocks
 */
async function send(name, blocks) {
  const answer = await postTo(
    String(desk.dataset.snippetsAt),
    new URLSearchParams({ name, blocks: JSON.stringify(blocks) }),
  ).catch(() => null);
  /** @type {KeptSnippet | Fault | null} */
  const reply = answer ? await answer.json().catch(() => null) : null;
  if (!reply || !("blocks" in reply)) return wordsOf(reply) || say("library.offline");
  desk.dataset.snippets = JSON.stringify([...offered("snippets"), reply]);
  return "";
}
