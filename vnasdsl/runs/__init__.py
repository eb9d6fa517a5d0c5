"""What runs leave behind, as it is read again: predictions, metrics, reports. No torch."""
