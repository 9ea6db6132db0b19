// What was just done is said once: the address forgets it, so that no reload says it again.
"use strict";
{
  const address = new URL(location.href);
  const names = ["said", "done"].filter((name) => address.searchParams.has(name));
  for (const name of names) address.searchParams.delete(name);
  if (names.length) history.replaceState(history.state, "", address);
}
