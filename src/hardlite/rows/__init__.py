"""What callers have for rows (frames, Arrow data, cursors), as rows of plain values."""
