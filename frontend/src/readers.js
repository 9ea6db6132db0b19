/** Whom parts are for, in words. */
import { desk, labelled, offered } from "./page.js";

/** What conditions are called: those that are offered, and those that the issue has. */
const called = new Map([
  ...offered("readers").flatMap(([label, choices], at) =>
    choices.map(
      ([condition, word]) =>
        /** @type {[string, string]} */ ([
          condition,
          at || condition !== word ? labelled(label, word) : word,
        ]),
    ),
  ),
  .../** @type {[string, string][]} */ (
    Object.entries(JSON.parse((desk && desk.dataset.conditionWords) || "{}"))
  ),
]);

/**
 * For whom a part is, as people say it; a query that was only just written stands as it is.
 *
 * @param {string} condition
 */
export const readersWord = (condition) => called.get(condition) || condition;
