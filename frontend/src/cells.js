/** What stands in the cells of a clipboard's table, made lines of running text. */

const BLOCKS =
  /^(?:address|article|aside|blockquote|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|hgroup|hr|li|main|nav|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)$/;
/** Whether a node is an element. @param {Node} node @returns {node is Element} */
const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
const WHOLE = "h1, h2, h3, h4, h5, h6, ul, ol, table, img, figure, pre, blockquote, hr";

/**
 * Make what an element holds lines of running text with breaks between them; lists keep their
 * signs.
 *
 * @param {Document} page
 * @param {Element} holder
 */
export function flatten(page, holder) {
  if (![...holder.querySelectorAll("*")].some((each) => BLOCKS.test(each.localName))) return;
  /** @type {Node[][]} */
  const lines = [[]];
  const end = () => {
    if (
      lines[lines.length - 1].some(
        (node) => node.nodeType !== Node.TEXT_NODE || (node.textContent || "").trim(),
      )
    )
      lines.push([]);
    else lines[lines.length - 1] = [];
  };
  /** @param {Node} node */
  const put = (node) => lines[lines.length - 1].push(node);
  /** @param {Element} node @param {string} indent */
  const walk = (node, indent) => {
    for (const child of [...node.childNodes]) {
      if (!isElement(child)) {
        put(child);
        continue;
      }
      const name = child.localName;
      if (name === "br") {
        lines.push([]);
        continue;
      }
      if (!BLOCKS.test(name)) {
        if (![...child.querySelectorAll("*")].some((each) => BLOCKS.test(each.localName))) {
          put(child);
          continue;
        }
        walk(child, indent);
        continue;
      }
      if (name === "td" || name === "th") {
        if (child.previousElementSibling) put(page.createTextNode(" "));
        walk(child, indent);
        continue;
      }
      end();
      if (name === "li") put(page.createTextNode(indent + signOf(child)));
      if (/^h[1-6]$/.test(name)) {
        const strong = page.createElement("strong");
        strong.append(...child.childNodes);
        child.append(strong);
      }
      walk(
        child,
        name === "ul" || name === "ol"
          ? child.closest("li") && holder.contains(child.closest("li"))
            ? indent + "\u3000"
            : indent
          : indent,
      );
      end();
    }
  };
  walk(holder, "");
  const filled = lines.filter((line, at) => at < lines.length - 1 || line.length);
  holder.replaceChildren(
    ...filled.flatMap((line, at) => (at ? [page.createElement("br"), ...line] : line)),
  );
}

/** @param {Element} item */
const signOf = (item) => {
  const list = item.parentElement;
  if (!list || list.localName !== "ol") return "・";
  return `${(Number(list.getAttribute("start")) || 1) + [...list.children].filter((each) => each.localName === "li").indexOf(item)}. `;
};

/**
 * Pictures stand in no cell: they come below the table.
 *
 * @param {Element} table
 * @param {Element} cell
 */
export function moveBlocksOut(table, cell) {
  cell.querySelectorAll("img, figure[data-src]").forEach((each) => {
    let last = table;
    while (last.nextElementSibling && last.nextElementSibling.hasAttribute("data-of-table"))
      last = last.nextElementSibling;
    each.setAttribute("data-of-table", "");
    last.after(each);
  });
}

/**
 * Tables that are there for a page's look become what they hold: boxes, pages in one column, those
 * said to be none.
 *
 * @param {Document} page
 * @param {HTMLElement} body
 */
export function unwrapLayout(page, body) {
  const nested = new Set(body.querySelectorAll("table table"));
  body.querySelectorAll("table").forEach((each) => {
    const table = /** @type {HTMLTableElement} */ (each),
      cells = [...table.rows].flatMap((row) => [...row.cells]);
    const isNarrow =
      [...table.rows].every((row) => row.cells.length < 2) &&
      !cells.some((cell) => cell.localName === "th");
    /** @param {Element} cell */
    const isWhole = (cell) =>
      cell.querySelector(cells.length > 1 ? "table, h1, h2, h3, h4, h5, h6" : WHOLE) ||
      (cells.length < 2 && cell.querySelectorAll(":scope > :is(p, div)").length > 1);
    const isPlain =
      !Number(table.getAttribute("border")) && !cells.some((cell) => cell.localName === "th");
    const isPlaced =
      isPlain &&
      (cells.some((cell) => cell.querySelector("table, h1, h2, h3, h4, h5, h6")) ||
        (table.rows.length === 1 &&
          ((nested.has(table) && !(table.parentElement && table.parentElement.closest("table"))) ||
            cells.some((cell) => cell.querySelector("img")))));
    const isLayout =
      ["presentation", "none"].includes(table.getAttribute("role") || "") ||
      (isNarrow && cells.some(isWhole)) ||
      isPlaced ||
      cells.some((cell) => cells.length === 1 && cell.querySelector("x-button"));
    if (!isLayout || !cells.length) return;
    const parts = cells.map((cell) => {
      const part = page.createElement("div");
      part.append(...cell.childNodes);
      return part;
    });
    table.replaceWith(
      ...[...table.querySelectorAll(":scope > caption")].flatMap((caption) => [
        ...caption.childNodes,
      ]),
      ...parts,
    );
  });
}
