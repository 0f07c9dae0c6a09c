"""The devices and hosts of a run: what each has, what they tell each other, and who is asked to stop."""
