"""Ways to exchange what training needs, beside the plain one."""
