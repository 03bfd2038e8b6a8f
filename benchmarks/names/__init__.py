"""The labelled pairs of names, how they are made, and how the matcher is measured on them."""
