"""Planning: who gets a mailing, which variant of it, and what each copy is made of."""
