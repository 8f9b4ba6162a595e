"""Public lumbar data sets in their own layouts, turned into what the rest of tfspine reads."""
