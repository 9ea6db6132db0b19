// The form tells the reader's time zone where the browser knows it; without scripts it stays empty.
"use strict";
/** @type {NodeListOf<HTMLInputElement>} */
const fields = document.querySelectorAll('input[name="time_zone"][type="hidden"]');
for (const field of fields) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
}
