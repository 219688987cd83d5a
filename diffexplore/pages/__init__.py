"""Pages that stand alone: HTML that opens from disk and needs no network."""
