"""Events to model inputs, labels to events; in the graph."""
