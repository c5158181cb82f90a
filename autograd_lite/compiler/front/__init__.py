"""From a function to sums of products: its arguments, its trace, its normal form."""
