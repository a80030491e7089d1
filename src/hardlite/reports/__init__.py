"""What became of an import: its batches, its rejections and their reasons, and how they are told."""
