"""Instructions as text: what is accepted, sentence embeddings, and the text head."""
