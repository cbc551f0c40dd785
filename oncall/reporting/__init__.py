"""How we tell: the terminal, the page, and one file for every other output. Never looks at the stack."""
