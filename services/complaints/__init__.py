"""Laksa: complaints, wishes and questions, from the first photo to the citizen's rating."""
