"""Two people of a newsletter become one: what that means is foreseen, and then done as foreseen."""
