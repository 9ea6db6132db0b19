/**
 * Running text: the model's nested runs to nodes with marks, and back.
 *
 * The model nests its runs (strong in emphasis is another value than emphasis in strong), the
 * editor has sets of marks. Where runs nest otherwise than the editor would nest them, the marks
 * carry their depth, and where two neighbours would become one, the second carries `apart`.
 */
/** @import { Fragment, Mark, Node as DocNode, Schema } from "prosemirror-model" */
/** @import { MarkRun, Run, TextRun } from "./types.js" */

/**
 * A mark around some runs; apart from the one before it, which is alike.
 *
 * @typedef {{ run: MarkRun, apart: boolean }} Step
 */
/**
 * A node of running text, with its marks from the outermost.
 *
 * @typedef {{ node: DocNode, path: Mark[] }} Leaf
 */

/** Marks from the outermost to the innermost, as the editor nests them. */
const MARKS = ["anchor", "strong", "emphasis", "strikethrough", "code"];
/** @param {string} name */
const rank = (name) => MARKS.indexOf(name);
/** @param {Run} run @returns {run is MarkRun} */
const isMark = (run) => rank(run.kind) >= 0;

/**
 * The nodes of some runs.
 *
 * @param {Schema} schema
 * @param {Run[]} runs
 */
export function readRuns(schema, runs) {
  /** @type {DocNode[]} */
  const found = [];
  readInto(schema, runs, [], found);
  return found;
}

/** @param {Schema} schema @param {Run[]} runs @param {Step[]} path @param {DocNode[]} found */
function readInto(schema, runs, path, found) {
  /** @type {Run | null} */
  let before = null;
  let apart = false;
  for (const run of runs) {
    apart = before !== null && isMark(run) && sameMark(before, run) && !apart;
    if (isMark(run)) {
      const inner = [...path, { run, apart }];
      if (run.kind === "code") addText(schema, run.text, inner, found);
      else readInto(schema, run.content, inner, found);
    } else if (run.kind === "text") addText(schema, run.text, path, found);
    else found.push(readAtom(schema, run, marksOf(schema, path)));
    before = run;
  }
}

/** @param {Run} a @param {Run} b */
const sameMark = (a, b) =>
  a.kind === "anchor" && b.kind === "anchor"
    ? a.url === b.url && (a.title || "") === (b.title || "")
    : a.kind === b.kind;

/** @param {Schema} schema @param {string} text @param {Step[]} path @param {DocNode[]} found */
function addText(schema, text, path, found) {
  if (text) found.push(schema.text(text, marksOf(schema, path)));
}

/**
 * @param {Schema} schema
 * @param {Exclude<Run, MarkRun | TextRun>} run
 * @param {readonly Mark[]} marks
 */
function readAtom(schema, run, marks) {
  switch (run.kind) {
    case "break":
      return schema.nodes.break.create(null, null, marks);
    case "footnote":
      return schema.nodes.footnote.create({ content: run.content }, null, marks);
    case "comment":
      return schema.nodes.remark.create({ text: run.text }, null, marks);
    case "field":
      return schema.nodes.field.create({ field: run.field, fallback: run.fallback }, null, marks);
    default:
      return schema.nodes.sealed_run.create({ value: run }, null, marks);
  }
}

/** @param {Schema} schema @param {Step[]} path */
function marksOf(schema, path) {
  const odd = path.some(({ run }, at) => at && rank(path[at - 1].run.kind) > rank(run.kind));
  /** @type {readonly Mark[]} */
  let marks = [];
  path.forEach(({ run, apart }, at) => {
    const attrs = { depth: odd ? at : null, apart };
    if (run.kind === "anchor") Object.assign(attrs, { url: run.url, title: run.title || "" });
    marks = schema.marks[run.kind].create(attrs).addToSet(marks);
  });
  return marks;
}

/** The runs of a node's content. @param {Fragment} content */
export function writeRuns(content) {
  /** @type {Leaf[]} */
  const leaves = [];
  content.forEach((node) => {
    leaves.push({ node, path: pathOf(node) });
  });
  return nest(widened(leaves), 0);
}

/** @param {Mark} mark */
const key = (mark) => (mark.attrs.depth === null ? rank(mark.type.name) : mark.attrs.depth);
/** @param {DocNode} node */
const pathOf = (node) =>
  [...node.marks].sort((a, b) => key(a) - key(b) || rank(a.type.name) - rank(b.type.name));
/** @param {Mark} a @param {Mark} b */
const alike = (a, b) =>
  a.type === b.type &&
  a.attrs.url === b.attrs.url &&
  a.attrs.title === b.attrs.title &&
  a.attrs.apart === b.attrs.apart;

/**
 * Nest the mark outermost that goes on longest, unless its place was read from the model.
 *
 * @param {Leaf[]} leaves
 * @returns {Leaf[]}
 */
function widened(leaves) {
  /** @param {number} at @param {Mark} mark */
  const reach = (at, mark) => {
    let end = at;
    while (end < leaves.length && leaves[end].path.some((each) => alike(each, mark))) end += 1;
    let start = at;
    while (start > 0 && leaves[start - 1].path.some((each) => alike(each, mark))) start -= 1;
    return end - start;
  };
  return leaves.map(({ node, path }, at) => {
    if (path.length < 2 || path.some((mark) => mark.attrs.depth !== null)) return { node, path };
    const sized = path.map((mark) => ({
      mark,
      size:
        mark.type.name === "anchor" ? Infinity : mark.type.name === "code" ? 0 : reach(at, mark),
    }));
    sized.sort((a, b) => (a.size === b.size ? 0 : b.size - a.size));
    return { node, path: sized.map((each) => each.mark) };
  });
}

/** @param {Leaf[]} leaves @param {number} depth @returns {Run[]} */
function nest(leaves, depth) {
  /** @type {Run[]} */
  const found = [];
  for (let at = 0; at < leaves.length;) {
    const mark = leaves[at].path[depth];
    if (!mark) {
      found.push(writeAtom(leaves[at].node));
      at += 1;
      continue;
    }
    let end = at + 1;
    while (end < leaves.length && leaves[end].path[depth] && alike(leaves[end].path[depth], mark))
      end += 1;
    found.push(...writeMark(mark, leaves.slice(at, end), depth));
    at = end;
  }
  return joined(found);
}

/** @param {Mark} mark @param {Leaf[]} leaves @param {number} depth @returns {Run[]} */
function writeMark(mark, leaves, depth) {
  const kind = /** @type {MarkRun["kind"]} */ (mark.type.name);
  if (kind === "code") {
    const text = leaves
      .map(({ node }) => (node.isText ? node.text : node.type.name === "break" ? " " : ""))
      .join("");
    const others = leaves
      .filter(({ node }) => !node.isText && node.type.name !== "break")
      .map(({ node }) => writeAtom(node));
    return text ? [{ kind, text }, ...others] : others;
  }
  const content = nest(leaves, depth + 1);
  if (kind !== "anchor") return [{ kind, content }];
  const { url, title } = mark.attrs;
  return [title ? { kind, url, title, content } : { kind, url, content }];
}

/** @param {DocNode} node @returns {Run} */
function writeAtom(node) {
  switch (node.type.name) {
    case "text":
      return { kind: "text", text: node.textContent };
    case "break":
      return { kind: "break" };
    case "footnote":
      return { kind: "footnote", content: node.attrs.content };
    case "remark":
      return { kind: "comment", text: node.attrs.text };
    case "field":
      return { kind: "field", field: node.attrs.field, fallback: node.attrs.fallback };
    default:
      return node.attrs.value;
  }
}

/** Join texts that marks of the editor alone had parted. @param {Run[]} runs */
function joined(runs) {
  /** @type {Run[]} */
  const found = [];
  for (const run of runs) {
    const last = found[found.length - 1];
    if (last && last.kind === "text" && run.kind === "text")
      found[found.length - 1] = { kind: "text", text: last.text + run.text };
    else found.push(run);
  }
  return found;
}

/**
 * What some runs say, in letters; a break ends a line, a field says nothing yet.
 *
 * @param {Run[]} runs
 * @returns {string}
 */
export const textOf = (runs) =>
  runs
    .map((run) => {
      if ("text" in run) return run.text;
      if ("content" in run) return textOf(run.content);
      return run.kind === "break" ? "\n" : "";
    })
    .join("");
