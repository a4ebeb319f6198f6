"""What several pages say: sentences for states and events, mandates in words, costs."""
