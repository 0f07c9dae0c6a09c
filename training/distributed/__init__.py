"""The devices and hosts of a run: what each has, and what they tell each other."""
