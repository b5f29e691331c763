"""What commands share: output in any encoding, paths as arguments, files of game records as lines."""
