"""Conversations: what a message is, in every form, and which messages go into a prompt."""
