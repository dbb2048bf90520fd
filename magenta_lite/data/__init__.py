"""Corpora to tf.data batches of events."""
