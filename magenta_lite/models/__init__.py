"""Networks: loss over batches and one step of generation."""
