"""The categories of noise, and how often each is drawn unless a config says otherwise."""

from __future__ import annotations

# Weights follow how often the noise is met in calls and recordings, thin categories helped out by synthesis.
CATEGORY_WEIGHTS = {
    "alarms_phones": 0.4, "animals_children": 0.8, "babble_crowd": 1.2, "construction_vacuum": 1.0,
    "doors_steps_paper": 0.7, "fan_machines": 1.2, "human_nonspeech": 0.4, "keyboard_mouse_clicks": 1.2,
    "kitchen_household": 1.0, "mic_hum_static": 0.3, "music": 0.7, "office": 0.6, "other": 0.4, "traffic": 1.3,
    "wind_rain_water": 1.2, "synthetic_noise": 1.4, "synthetic_hum": 0.4, "synthetic_fan": 0.8,
    "synthetic_clicks": 0.5, "synthetic_babble": 1.0,
}  # fmt: skip
# Most noise corpora are not sorted into categories. Theirs is drawn a third of the time beside all of the above, and
# two thirds where only synthesis is; a config that names it under [mix.categories] decides otherwise.
UNSORTED = "unsorted"
UNSORTED_WEIGHT = 8.0
