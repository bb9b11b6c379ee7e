"""YAML configurations: `overall.yaml` and one folder for datasets, models and each option group."""
