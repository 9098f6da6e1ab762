"""What every floor stands on: dtypes, symbolic sizes, layouts, errors, configuration, targets."""
