"""From features and events to verdicts: the rules, judged with three truth values, and what becomes of them."""
