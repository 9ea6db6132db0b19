/** A row that Tab added to a table goes again where it is left as empty as it came. */
import { Plugin, PluginKey } from "prosemirror-state";
/** @import { Transaction } from "prosemirror-state" */

/** Where the row begins that Tab added and nothing was written in. @type {PluginKey<number | null>} */
const key = new PluginKey("grown-row");

/** @param {Transaction} tr @param {number} at */
export const keepGrownRow = (tr, at) => tr.setMeta(key, at);

export function grownRow() {
  return new Plugin({
    key,
    state: {
      init: () => /** @type {number | null} */ (null),
      apply(tr, held) {
        const put = tr.getMeta(key) ?? held;
        if (put === null) return null;
        const at = put === held ? tr.mapping.map(put) : put,
          row = tr.doc.nodeAt(at);
        return row?.type.name === "table_row" && row.children.every((cell) => !cell.content.size)
          ? at
          : null;
      },
    },
    appendTransaction(_transactions, _before, state) {
      const at = key.getState(state) ?? null,
        row = at === null ? null : state.doc.nodeAt(at);
      if (at === null || !row) return null;
      const { from, to } = state.selection,
        end = at + row.nodeSize;
      return from > at && to < end ? null : state.tr.delete(at, end);
    },
  });
}
