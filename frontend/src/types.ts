/**
 * Shapes that several modules of the editor share. Nothing of this is in the bundle.
 *
 * The issue's value is what newsletter/issues/model.py writes as JSON; the answers of the server
 * are those of newsletter/web/issues.
 */
import type { Node as DocNode, NodeSpec, Schema } from "prosemirror-model";
import type { EditorState, Transaction } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";

/* Running text */
export type TextRun = { kind: "text"; text: string };
export type StrongRun = { kind: "strong"; content: Run[] };
export type EmphasisRun = { kind: "emphasis"; content: Run[] };
export type StrikethroughRun = { kind: "strikethrough"; content: Run[] };
export type CodeRun = { kind: "code"; text: string };
export type AnchorRun = { kind: "anchor"; url: string; title?: string; content: Run[] };
export type BreakRun = { kind: "break" };
export type FootnoteRun = { kind: "footnote"; content: Run[] };
export type RemarkRun = { kind: "comment"; text: string };
export type FieldRun = { kind: "field"; field: string; fallback: string };
/** A run that the editor has as a mark of its words. */
export type MarkRun = StrongRun | EmphasisRun | StrikethroughRun | CodeRun | AnchorRun;
export type Run = TextRun | MarkRun | BreakRun | FootnoteRun | RemarkRun | FieldRun;

/* Blocks */
export type Alignment = "" | "left" | "center" | "right";
export type ParagraphBlock = { kind: "paragraph"; content: Run[]; language_tag?: string };
export type HeadingBlock = { kind: "heading"; level: number; content: Run[] };
export type ListBlock = { kind: "list"; items: Block[][]; ordered: boolean; start: number };
export type QuotationBlock = { kind: "quotation"; blocks: Block[]; source?: Run[] };
export type PictureBlock = {
  kind: "picture";
  source: string;
  alt: string;
  url: string;
  title?: string;
  caption?: Run[];
};
export type VerbatimBlock = { kind: "verbatim"; text: string };
export type ThematicBreakBlock = { kind: "thematic-break" };
export type TableBlock = { kind: "table"; alignments: Alignment[]; head: Run[][]; rows: Run[][][] };
export type CommentBlock = { kind: "comment"; text: string };
export type GalleryBlock = { kind: "gallery"; pictures: PictureBlock[] };
export type ButtonBlock = { kind: "button"; label: string; url: string };
export type ColumnsBlock = { kind: "columns"; left: Block[]; right: Block[] };
export type ConditionalBlock = { kind: "conditional"; condition: string; blocks: Block[] };
export type FileBlock = {
  kind: "file";
  url: string;
  name: string;
  media_type: string;
  size: number;
};
export type EventBlock = {
  kind: "event";
  name: string;
  starts: string;
  ends: string | null;
  place: string;
  capacity: string;
  url: string;
};
export type ContactBlock = {
  kind: "contact";
  name: string;
  department: string;
  phone: string;
  email: string;
  url: string;
  hours: string;
  address: string;
};
export type ContentsBlock = { kind: "contents" };
export type SnippetBlock = { kind: "snippet"; name: string };
/** A block of which a form holds everything. */
export type FormedBlock = FileBlock | EventBlock | ContactBlock | ContentsBlock | SnippetBlock;
export type Block =
  | ParagraphBlock
  | HeadingBlock
  | ListBlock
  | QuotationBlock
  | PictureBlock
  | VerbatimBlock
  | ThematicBreakBlock
  | TableBlock
  | CommentBlock
  | GalleryBlock
  | ButtonBlock
  | ColumnsBlock
  | ConditionalBlock
  | FormedBlock;
export type BlockOf<Name extends Block["kind"]> = Extract<Block, { kind: Name }>;

/* The issue */
export type Link = { url: string; label: string };
export type Item = { headline: string; body: Block[]; links: Link[]; condition?: string };
export type Section = {
  heading: string;
  body: Block[];
  links: Link[];
  items: Item[];
  condition?: string;
};
export type Chapter = {
  heading: string;
  number: number | null;
  body: Block[];
  links: Link[];
  items: Item[];
  sections: Section[];
  condition?: string;
};
export type ContentsLine = { text: string; label: string; anchor: string; level: number };
export type Issue = {
  title: string;
  issue_date: string;
  language: string;
  masthead: string;
  number: string;
  preheader: string;
  lead: Block[];
  contents: ContentsLine[];
  chapters: Chapter[];
  credits: string[];
};

/* Kinds of blocks and their forms */
/**
 * How a kind of block is kept in the document; methods, so that the table of all kinds can be asked
 * for any.
 */
export interface Kind<Value extends Block = Block> {
  spec?: NodeSpec;
  nodes?: Record<string, NodeSpec>;
  read(schema: Schema, block: Value): DocNode;
  write(node: DocNode): Value;
  fields?: KindField[];
}
export type FieldValue = string | number | null;
export type Answer = Record<string, FieldValue>;
/** A value, its word, and how its button looks. */
export type Choice = [value: string, word: string, state?: string];
type Asked = {
  name: string;
  word: string;
  hint?: string;
  required?: boolean;
  /** Whether it is said that it may stay empty. */
  optional?: boolean;
  /** The field whose value comes before this one's. */
  from?: string;
  /** What stands for nothing. */
  empty?: null;
};
export type InputField = Asked & {
  type?: "text" | "text-area" | "url" | "email" | "tel" | "number" | "date" | "datetime-local";
};
export type SelectField = Asked & { type: "select"; choices: Choice[] };
/** Values as buttons, kind by kind; what else may be typed is folded in. */
export type GroupedField = Asked & {
  type?: undefined;
  groups: [label: string, choices: Choice[]][];
  folded: string;
  inner: string;
  more: { word: string; act: (put: (choice: Choice) => void) => void } | null;
};
/** A box that says whether other fields, dates, are whole days. */
export type WholeDaysField = {
  type: "whole-days";
  name: string;
  word: string;
  dates: Record<string, { word: string; wholeWord: string; hour: string }>;
};
export type ValueField = InputField | SelectField | GroupedField;
export type Field = ValueField | WholeDaysField;
/** A field of a kind of block; `content` is the node's words. */
export type KindField = (InputField & { content?: boolean }) | WholeDaysField;

/** Change what was put in at a position, by what was answered of it. */
export type Finish = (tr: Transaction, at: number) => void;
/** What a button asks of the state. */
export type Ask = (state: EditorState) => boolean;
/** Do something in the view, by itself. */
export type Act = (view: EditorView) => void;

/* What the server answers */
export type Fault = { what: string; remedy: string; line: number | null; block: string | null };
/** A draft in both of its views. */
export type BothForms = { issue: Issue; text: string; template: string };
/** What is heard of a save; the whole draft where it is not what was sent. */
export type Saved = { revision: number; author: string } & (BothForms | { issue?: undefined });
/** Where a save was refused since another had changed the same: the form to choose in. */
export type Clash = { author: string; count: number; form: string };
/** A finding of preflight, at the block or the words that it is about. */
export type Finding = { severity: Severity; sentence: string; about: string; code: string };
export type Severity = "error" | "warning" | "hint";
/** A finding at its line of the Markdown. */
export type LineFinding = { line: number; severity: Severity; sentence: string };
/** What a library has, as it is offered. */
export type KeptPicture = {
  id: number;
  name: string;
  path: string;
  alt: string;
  source: string;
  kind: string;
};
export type KeptFile = KeptPicture & { block: FileBlock };
export type Kept = { picture: KeptPicture; file: KeptFile };
/** Blocks that are kept under a name. */
export type KeptSnippet = { name: string; blocks: Block[] };

/** What was not saved yet, as it is kept on a device: `base` is what it was made of. */
export type Copy = {
  at: number;
  revision: string;
  fields: Record<string, string>;
  base: Record<string, string>;
};

/** What the views of a draft give to saving and to the preview. */
export interface Source {
  /** What is sent: by the view that holds the value. */
  fields(): Record<string, string>;
  /** Another object or number with every change. */
  version(): unknown;
  busy(): boolean;
  showFault(fault: Fault | null): void;
  preview(): void;
  take(draft: BothForms & { author?: string }): void;
  checked(): void;
}

/* Elements as they are made */
type Listener<Of extends Event> = (event: Of) => void;
/** Attributes of an element by their names; `on…` are listeners. */
export type Attributes = {
  onclick?: Listener<MouseEvent>;
  onmousedown?: Listener<MouseEvent>;
  onkeydown?: Listener<KeyboardEvent>;
  onsubmit?: Listener<SubmitEvent>;
  onchange?: Listener<Event>;
  /** A state is a word here: as an attribute that is there or not, none would be read. */
  [state: `aria-${string}`]: string | null | undefined;
  [name: string]: string | number | boolean | null | undefined | Listener<never>;
};
/** What an element is filled with; nothing where it is left out. */
export type Child = Node | string | null | undefined;

/** What the page's desk has to choose from, by the names of its data. */
export type Offered = {
  kinds: string[];
  segments: string[];
  snippets: KeptSnippet[];
  /** Fields that a reader can be addressed with. */
  fields: [name: string, word: string][];
  /** Whom a part may be for, kind by kind. */
  readers: [label: string, choices: [condition: string, word: string][]][];
};

/** The form of a node; methods, so that the table of all forms can be asked for any. */
export interface Form<Given extends Answer = Answer> {
  title: string;
  /** Whether it always stays, so that the form does not offer to delete it. */
  keeps?: boolean;
  fields(node?: DocNode): Field[];
  values(node: DocNode): Partial<Given>;
  apply(tr: Transaction, pos: number, node: DocNode, answer: Given): Transaction;
}

/** A line of the mail's head. */
export type HeadLine = "masthead" | "title" | "dateline";
/**
 * Draws a block of which a form holds everything; a method, so that the table of all can be asked
 * for any.
 */
export type Drawing = { draw(value: Block, language: string): Child[] }["draw"];
