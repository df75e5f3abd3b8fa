"""Commonplace for LangChain: agent middleware, tools, retriever, key-value store, chat history."""
