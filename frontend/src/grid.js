/**
 * Tables with merged cells as plain grids, by HTML's table model (§ 4.9.12, "Forming a table").
 *
 * A cell that spans several stands in the first of them; the rest of it is empty. A column or row
 * in which no cell begins has no width on the page that it comes from, and is left out.
 */

/** @param {Element} each @returns {each is HTMLTableCellElement} */
const isCell = (each) => each.localName === "td" || each.localName === "th";
/** @type {Record<string, number>} */
const ORDER = { thead: -1, tfoot: 1 };

/**
 * The rows of a table in the order in which they are shown, by the groups that no cell leaves.
 *
 * @param {Element} table
 */
function groupsOf(table) {
  /** @type {{ rank: number, rows: Element[] }[]} */
  const groups = [];
  /** @type {Element[] | null} */
  let loose = null;
  for (const each of table.children) {
    if (each.localName === "tr") {
      if (!loose) groups.push({ rank: 0, rows: (loose = []) });
      loose.push(each);
    } else if (["thead", "tbody", "tfoot"].includes(each.localName)) {
      loose = null;
      groups.push({
        rank: ORDER[each.localName] || 0,
        rows: [...each.children].filter((row) => row.localName === "tr"),
      });
    }
  }
  return groups.sort((a, b) => a.rank - b.rank).map(({ rows }) => rows);
}

/** Where each cell of a table begins and how far it goes. @param {Element} table */
function anchorsOf(table) {
  /**
   * @type {{ cell: HTMLTableCellElement, x: number, y: number, right: number, bottom: number }[]}
   */
  const found = [];
  let top = 0;
  for (const rows of groupsOf(table)) {
    /** The last row that a cell from above covers, by column. @type {number[]} */
    const covered = [];
    rows.forEach((row, at) => {
      let x = 0;
      for (const cell of row.children) {
        if (!isCell(cell)) continue;
        while (covered[x] >= at) x += 1;
        const { colSpan: width, rowSpan: height } = cell;
        // A height of 0 goes on to the end of the group.
        const last = Math.min(height ? at + height : rows.length, rows.length) - 1;
        for (let column = x; column < x + width; column += 1)
          covered[column] = Math.max(covered[column] ?? -1, last);
        found.push({ cell, x, y: top + at, right: x + width - 1, bottom: top + last });
        x += width;
      }
    });
    top += rows.length;
  }
  return found;
}

/**
 * In spreadsheets, a row that is one cell over the whole width is no row of the table, but its
 * title or a remark: such rows at its ends become lines above and below it. Headings and a row
 * below them stay.
 *
 * @param {HTMLTableElement} table
 */
export function takeTitles(table) {
  const rows = groupsOf(table).flat(),
    page = table.ownerDocument;
  /** @param {Element} row */
  const cellsOf = (row) => [...row.children].filter(isCell);
  /** @param {Element} row */
  const widthOf = (row) => cellsOf(row).reduce((sum, cell) => sum + cell.colSpan, 0);
  const width = Math.max(0, ...rows.filter((row) => cellsOf(row).length > 1).map(widthOf));
  /** @param {Element} row */
  const isWhole = (row) => {
    const cells = cellsOf(row);
    return cells.length === 1 && cells[0].colSpan >= width && cells[0].rowSpan === 1;
  };
  if (width < 2) return;
  /** @param {Element} row */
  const lineOf = (row) => {
    const line = page.createElement("p");
    line.append(...cellsOf(row)[0].childNodes);
    row.remove();
    return line;
  };
  for (; rows.length > 2 && isWhole(rows[0]); rows.shift()) table.before(lineOf(rows[0]));
  for (; rows.length > 2 && isWhole(rows[rows.length - 1]); rows.pop())
    table.after(lineOf(rows[rows.length - 1]));
}

/**
 * Write a table's merged cells as separate ones.
 *
 * @param {HTMLTableElement} table
 * @returns {number} how many of its cells were merged over several that are seen.
 */
export function separateCells(table) {
  const page = table.ownerDocument,
    anchors = anchorsOf(table);
  /** @param {number[]} values */
  const ranks = (values) =>
    new Map([...new Set(values)].sort((a, b) => a - b).map((value, at) => [value, at]));
  const columns = ranks(anchors.map(({ x }) => x)),
    rows = ranks(anchors.map(({ y }) => y));
  const made = Array.from(rows, () =>
    Array.from(columns, () => /** @type {HTMLTableCellElement} */ (page.createElement("td"))),
  );
  let merged = 0;
  for (const { cell, x, y, right, bottom } of anchors) {
    const column = /** @type {number} */ (columns.get(x)),
      row = /** @type {number} */ (rows.get(y));
    if (
      [...columns.keys()].some((each) => each > x && each <= right) ||
      [...rows.keys()].some((each) => each > y && each <= bottom)
    )
      merged += 1;
    cell.removeAttribute("colspan");
    cell.removeAttribute("rowspan");
    made[row][column] = cell;
  }
  [...table.children]
    .filter((each) => ["tr", "thead", "tbody", "tfoot", "colgroup", "col"].includes(each.localName))
    .forEach((each) => each.remove());
  table.append(
    ...made.map((cells) => {
      const row = page.createElement("tr");
      row.append(...cells);
      return row;
    }),
  );
  return merged;
}
