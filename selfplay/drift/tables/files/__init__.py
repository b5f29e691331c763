"""Files of rows, and standard input, in blocks: CSV and Parquet. Knows no types but those that a file states."""
