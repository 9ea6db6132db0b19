// What was just done is said once: the address forgets it, so that no reload says it again.
"use strict";
{
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    for (const said of ["done", "was"]) address.searchParams.delete(said);
    history.replaceState(history.state, "", address);
  }
}
