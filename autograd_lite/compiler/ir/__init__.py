"""The program between the normal form and what is written: blocks of rows, forward and backward."""
