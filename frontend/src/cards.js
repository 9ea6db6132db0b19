/**
 * Blocks that a form holds, drawn as the mail draws them: newsletter/rendering/html.py's classes
 * and order.
 */
import { desk, element, formatDay, say } from "./page.js";
import { short } from "./schema.js";
/** @import { BlockOf, Child, EventBlock, FormedBlock } from "./types.js" */

const mailWords = JSON.parse(desk.dataset.mailWords || "{}");
/**
 * A word that the mail puts beside what an editor wrote, in the language.
 *
 * @param {string} name
 */
export const mailSays = (name) => mailWords[name] || name;
/** How a reader is called whose name is not known; empty where the page does not say. */
export const readerWord = () => mailWords.reader || "";
/** @param {string} text */
const lines = (text) =>
  text.split("\n").flatMap((line, at) => (at ? [element("br"), line] : [line]));
/** @param {string} words */
const link = (words) => element("span", { class: "link" }, words);
/** @param {string} kind @param {Child} before @param {...Child} inner */
const panel = (kind, before, ...inner) =>
  element(
    "table",
    { class: `panel ${kind}`, role: "presentation" },
    element(
      "tbody",
      {},
      element("tr", {}, before, element("td", { class: "panel-cell" }, ...inner.filter(Boolean))),
    ),
  );
/** @param {string} name */
const named = (name) => (name ? element("p", { class: "panel-name" }, ...lines(name)) : null);

/**
 * What has a value behind its name.
 *
 * @param {...[name: string, value: string | Child[] | null]} rows
 */
function facts(...rows) {
  const shown = rows.flatMap(([name, value]) =>
    value && value.length
      ? [
          element(
            "tr",
            {},
            element("td", { class: "fact-name" }, name),
            element("td", { class: "fact" }, ...value),
          ),
        ]
      : [],
  );
  return shown.length
    ? element("table", { class: "facts", role: "presentation" }, element("tbody", {}, ...shown))
    : null;
}

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d))?$/;
/** A day or minute of local time; null for any other text. @param {string | null} text */
function moment(text) {
  const found = MOMENT.exec(text || "");
  if (!found) return null;
  const [, year, month, date, hour, minute] = found,
    day = new Date(Date.UTC(Number(year), Number(month) - 1, Number(date)));
  if (day.getUTCMonth() !== Number(month) - 1) return null;
  return { day, year, date: Number(date), hour: hour ? `${hour}:${minute}` : "" };
}
/** @param {{ day: Date, hour: string }} at @param {string} language @param {boolean} [withYear] */
const words = ({ day, hour }, language, withYear = true) => {
  /** @type {Intl.DateTimeFormatOptions} */
  const options =
    language === "ja"
      ? { month: "long", day: "numeric", weekday: "short" }
      : { month: "short", day: "numeric", weekday: "short" };
  return [formatDay(day, language, withYear ? { ...options, year: "numeric" } : options), hour]
    .filter(Boolean)
    .join(" ");
};

/**
 * When an event takes place, in words; what is no time stays as it was written.
 *
 * @param {EventBlock} value
 * @param {string} language
 */
function when({ starts, ends }, language) {
  const first = moment(starts),
    last = ends ? moment(ends) : null,
    to = language === "ja" ? "〜" : "–";
  if (!first || (ends && (!last || Boolean(last.hour) !== Boolean(first.hour) || ends < starts)))
    return [starts, ends].filter(Boolean).join(" - ");
  if (!last || starts === ends) return words(first, language);
  if (last.hour && String(last.day) === String(first.day))
    return `${words(first, language)}${to}${last.hour}`;
  return [words(first, language), words(last, language, first.year !== last.year)].join(
    language === "ja" ? to : ` ${to} `,
  );
}

/**
 * An event's first day as a leaf of a calendar.
 *
 * @param {EventBlock} value
 * @param {string} language
 */
function leaf({ starts }, language) {
  const at = moment(starts);
  if (!at) return null;
  return element(
    "td",
    { class: "day-cell" },
    element("span", { class: "day-month" }, formatDay(at.day, language, { month: "short" })),
    element("br"),
    element("span", { class: "day-number" }, String(at.date)),
    element("br"),
    element("span", { class: "day-month" }, formatDay(at.day, language, { weekday: "short" })),
  );
}

const FILE_KINDS = JSON.parse(desk.dataset.fileKinds || "{}");
const UNITS = ["B", "kB", "MB", "GB"];
/**
 * A size of data as newsletter/i18n/formats.py writes it.
 *
 * @param {number} octets
 * @param {string} language
 */
function size(octets, language) {
  let number = octets,
    unit = 0;
  while (number >= 1000 && unit < UNITS.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(number)} ${UNITS[unit]}`;
}

/**
 * What each kind of block shows, by its value and the language.
 *
 * @type {{
 *   [Name in Exclude<FormedBlock["kind"], "snippet">]: (
 *     value: BlockOf<Name>,
 *     language: string,
 *   ) => Child[]
 * }}
 */
export const CARDS = {
  file: (value, language) => [
    panel(
      "file",
      null,
      element(
        "p",
        { class: "file-line" },
        element(
          "span",
          { class: "link file-name" },
          value.name || short(value.url) || say("fileName"),
        ),
        element(
          "span",
          { class: "file-kind" },
          [
            FILE_KINDS[value.media_type] || value.media_type,
            value.size ? size(value.size, language) : "",
          ]
            .filter(Boolean)
            .join(language === "ja" ? "・" : ", "),
        ),
      ),
    ),
  ],
  event: (value, language) => [
    panel(
      "event",
      leaf(value, language),
      named(value.name || say("eventName")),
      facts(
        [mailSays("when"), lines(when(value, language))],
        [mailSays("where"), value.place && lines(value.place)],
        [mailSays("capacity"), value.capacity && lines(value.capacity)],
      ),
      element(
        "p",
        { class: "more" },
        value.url ? link(mailSays("register")) : null,
        value.url && moment(value.starts) ? " ・ " : null,
        moment(value.starts) ? link(mailSays("calendar")) : null,
      ),
    ),
  ],
  contact: (value) => [
    panel(
      "contact",
      null,
      named([value.department, value.name].filter(Boolean).join("\n") || say("kind.contact")),
      facts(
        [mailSays("address"), value.address && lines(value.address)],
        [mailSays("phone"), value.phone && [link(value.phone)]],
        [mailSays("email"), value.email && [link(value.email)]],
        [mailSays("hours"), value.hours && lines(value.hours)],
        [mailSays("website"), value.url && [link(short(value.url))]],
      ),
    ),
  ],
  contents: () => [element("div", { class: "drawn-contents" })],
};
