/**
 * Running text: the model's nested runs to nodes with marks, and back.
 *
 * The model nests its runs (strong in emphasis is another value than emphasis in strong), the editor
 * has sets of marks. Where runs nest otherwise than the editor would nest them, the marks carry their
 * depth, and where two neighbours would become one, the second carries `apart`.
 */
import { Fragment } from "prosemirror-model";

/** Marks from the outermost to the innermost, as the editor nests them. */
export const MARKS = ["anchor", "strong", "emphasis", "strikethrough", "code"];
const rank = (name) => MARKS.indexOf(name);
const isMark = (run) => rank(run.kind) >= 0;

/**
 * @param {import("prosemirror-model").Schema} schema
 * @param {object[]} runs
 * @returns {import("prosemirror-model").Node[]}
 */
export function readRuns(schema, runs) {
  const found = [];
  readInto(schema, runs, [], found);
  return found;
}

function readInto(schema, runs, path, found) {
  let before = null, apart = false;
  for (const run of runs) {
    apart = Boolean(before) && isMark(run) && sameMark(before, run) && !apart;
    if (isMark(run)) {
      const inner = [...path, { run, apart }];
      if (run.kind === "code") addText(schema, run.text, inner, found);
      else readInto(schema, run.content, inner, found);
    } else if (run.kind === "text") addText(schema, run.text, path, found);
    else found.push(readAtom(schema, run, marksOf(schema, path)));
    before = run;
  }
}

const sameMark = (a, b) => a.kind === b.kind && a.url === b.url && (a.title || "") === (b.title || "");

function addText(schema, text, path, found) {
  if (text) found.push(schema.text(text, marksOf(schema, path)));
}

function readAtom(schema, run, marks) {
  switch (run.kind) {
    case "break": return schema.nodes.break.create(null, null, marks);
    case "footnote": return schema.nodes.footnote.create({ content: run.content }, null, marks);
    case "comment": return schema.nodes.remark.create({ text: run.text }, null, marks);
    case "field": return schema.nodes.field.create({ field: run.field, fallback: run.fallback || "" }, null, marks);
    default: return schema.nodes.sealed_run.create({ value: run }, null, marks);
  }
}

function marksOf(schema, path) {
  const odd = path.some(({ run }, at) => at && rank(path[at - 1].run.kind) > rank(run.kind));
  let marks = [];
  path.forEach(({ run, apart }, at) => {
    const attrs = { depth: odd ? at : null, apart };
    if (run.kind === "anchor") Object.assign(attrs, { url: run.url, title: run.title || "" });
    marks = schema.marks[run.kind].create(attrs).addToSet(marks);
  });
  return marks;
}

/**
 * @param {import("prosemirror-model").Fragment} content
 * @returns {object[]}
 */
export function writeRuns(content) {
  const leaves = [];
  content.forEach((node) => { leaves.push({ node, path: pathOf(node) }); });
  return nest(widened(leaves), 0);
}

const key = (mark) => (mark.attrs.depth === null ? rank(mark.type.name) : mark.attrs.depth);
const pathOf = (node) => [...node.marks].sort((a, b) => key(a) - key(b) || rank(a.type.name) - rank(b.type.name));
const alike = (a, b) => a.type === b.type && a.attrs.url === b.attrs.url && a.attrs.title === b.attrs.title && a.attrs.apart === b.attrs.apart;

/** Nest the mark outermost that goes on longest, unless its place was read from the model. */
function widened(leaves) {
  const reach = (at, mark) => {
    let end = at;
    while (end < leaves.length && leaves[end].path.some((each) => alike(each, mark))) end += 1;
    let start = at;
    while (start > 0 && leaves[start - 1].path.some((each) => alike(each, mark))) start -= 1;
    return end - start;
  };
  return leaves.map(({ node, path }, at) => {
    if (path.length < 2 || path.some((mark) => mark.attrs.depth !== null)) return { node, path };
    const sized = path.map((mark) => ({ mark, size: mark.type.name === "anchor" ? Infinity : mark.type.name === "code" ? 0 : reach(at, mark) }));
    sized.sort((a, b) => (a.size === b.size ? 0 : b.size - a.size));
    return { node, path: sized.map((each) => each.mark) };
  });
}

function nest(leaves, depth) {
  const found = [];
  for (let at = 0; at < leaves.length;) {
    const mark = leaves[at].path[depth];
    if (!mark) { found.push(writeAtom(leaves[at].node)); at += 1; continue; }
    let end = at + 1;
    while (end < leaves.length && leaves[end].path[depth] && alike(leaves[end].path[depth], mark)) end += 1;
    found.push(...writeMark(mark, leaves.slice(at, end), depth));
    at = end;
  }
  return joined(found);
}

function writeMark(mark, leaves, depth) {
  const kind = mark.type.name;
  if (kind === "code") {
    const text = leaves.map(({ node }) => (node.isText ? node.text : node.type.name === "break" ? " " : "")).join("");
    const others = leaves.filter(({ node }) => !node.isText && node.type.name !== "break").map(({ node }) => writeAtom(node));
    return text ? [{ kind, text }, ...others] : others;
  }
  const content = nest(leaves, depth + 1);
  if (kind !== "anchor") return [{ kind, content }];
  const { url, title } = mark.attrs;
  return [title ? { kind, url, title, content } : { kind, url, content }];
}

function writeAtom(node) {
  switch (node.type.name) {
    case "text": return { kind: "text", text: node.text };
    case "break": return { kind: "break" };
    case "footnote": return { kind: "footnote", content: node.attrs.content };
    case "remark": return { kind: "comment", text: node.attrs.text };
    case "field": return { kind: "field", field: node.attrs.field, fallback: node.attrs.fallback };
    default: return node.attrs.value;
  }
}

/** Join texts that marks of the editor alone had parted. */
function joined(runs) {
  const found = [];
  for (const run of runs) {
    const last = found[found.length - 1];
    if (last && last.kind === "text" && run.kind === "text") found[found.length - 1] = { kind: "text", text: last.text + run.text };
    else found.push(run);
  }
  return found;
}

/** The fragment of some runs. */
export const runsFragment = (schema, runs) => Fragment.fromArray(readRuns(schema, runs));
