import Testing

/// Every test here starts servers of its own, and the machine has two processors: one at a time.
@Suite(.serialized) enum DisplayTests {}
