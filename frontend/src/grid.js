/**
 * Tables with merged cells as plain grids, by HTML's table model (§ 4.9.12, "Forming a table").
 *
 * A cell that spans several stands in the first of them; the rest of it is empty. A column or row in
 * which no cell begins has no width on the page that it comes from, and is left out.
 */

/** The rows of a table in the order in which they are shown, by the groups that no cell leaves. */
function groupsOf(table) {
  const groups = [], rowsOf = (place) => [...place.children].filter((each) => each.localName === "tr");
  let loose = null;
  for (const each of table.children) {
    if (each.localName === "tr") { if (!loose) groups.push(loose = []); loose.push(each); continue; }
    if (["thead", "tbody", "tfoot"].includes(each.localName)) { loose = null; groups.push(Object.assign(rowsOf(each), { part: each.localName })); }
  }
  const rank = (group) => ({ thead: -1, tfoot: 1 }[group.part] || 0);
  return groups.sort((a, b) => rank(a) - rank(b));
}

/** Where each cell of a table begins and how far it goes. */
function anchorsOf(table) {
  const found = [];
  let top = 0;
  for (const rows of groupsOf(table)) {
    /** The last row that a cell from above covers, by column. @type {number[]} */
    const covered = [];
    rows.forEach((row, at) => {
      let x = 0;
      for (const cell of row.children) {
        if (cell.localName !== "td" && cell.localName !== "th") continue;
        while (covered[x] >= at) x += 1;
        const { colSpan: width, rowSpan: height } = /** @type {HTMLTableCellElement} */ (cell);
        // A height of 0 goes on to the end of the group.
        const last = Math.min(height ? at + height : rows.length, rows.length) - 1;
        for (let column = x; column < x + width; column += 1) covered[column] = Math.max(covered[column] ?? -1, last);
        found.push({ cell, x, y: top + at, right: x + width - 1, bottom: top + last });
        x += width;
      }
    });
    top += rows.length;
  }
  return found;
}

/**
 * Write a table's merged cells as separate ones.
 *
 * @param {HTMLTableElement} table
 * @returns {number} how many of its cells were merged over several that are seen.
 */
export function separateCells(table) {
  const page = table.ownerDocument, anchors = anchorsOf(table);
  const ranks = (values) => new Map([...new Set(values)].sort((a, b) => a - b).map((value, at) => [value, at]));
  const columns = ranks(anchors.map(({ x }) => x)), rows = ranks(anchors.map(({ y }) => y));
  const made = Array.from(rows, () => Array.from(columns, () => page.createElement("td")));
  let merged = 0;
  for (const { cell, x, y, right, bottom } of anchors) {
    const column = columns.get(x), row = rows.get(y);
    if ([...columns.keys()].some((each) => each > x && each <= right) || [...rows.keys()].some((each) => each > y && each <= bottom)) merged += 1;
    cell.removeAttribute("colspan");
    cell.removeAttribute("rowspan");
    made[row][column] = cell;
  }
  [...table.children].filter((each) => ["tr", "thead", "tbody", "tfoot", "colgroup", "col"].includes(each.localName)).forEach((each) => each.remove());
  table.append(...made.map((cells) => { const row = page.createElement("tr"); row.append(...cells); return row; }));
  return merged;
}
