"""The checks of `selfplay doctor`: of the machine, of Ray, and of the program itself."""
