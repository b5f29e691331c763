"""English checkers: rules on bitboards, notation, an alpha–beta engine. Knows no search and no learning."""
